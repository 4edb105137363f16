#pragma once
// The code of a kernel under construction: values of nodes at a point of its axes, the addresses of what they are read from and stored to, and the stage that
// each belongs to. Axes are numbered while building as AxisLists says; `finish` collapses them.

#include "codegen/axes.h"
#include "codegen/fuse.h"

#include <map>

namespace nnc::codegen {

/// Where an operand of the kernel's points comes from.
struct BodySource {
  const ir::Function &function;
  const Memory &memory;
  const Layout &layout;
  const std::vector<BufferId> &outputs; // the buffer of each of the function's outputs
};

class BodyCode {
protected:
  explicit BodyCode(const BodySource &from)
      : function_(from.function), memory_(from.memory), layout_(from.layout), outputs_(from.outputs) {}

  /// Begins a kernel over the group's axes with so many stages. The group must live until `finish`. `all_outer`: no inner axis is told apart.
  void begin(const Group &, int stages, bool all_outer = false);
  /// The kernel with its axes as loops; its place is that of `root`.
  Kernel finish(const AxisLists &, ir::NodeId root);

  /// The value of what a member computes, in the kernel's axes.
  ValueId root_value(const Member &);
  /// Of a node at a point: loaded where it is kept, else computed; once for each point.
  ValueId value(const At &);
  ValueId constant(ir::Elem, double number, ir::NodeId at);

  Access access(const MemoryView &, const Index &);
  /// Where the kept node's element is.
  Access home(ir::NodeId id, const Index &index) { return access(*memory_.view(id), index); }
  Access row_major(ir::NodeId, const Index &, BufferId) const;
  static void add_strided(Access &, const Affine &index, const Size &stride);

  /// To the member's own memory and to the outputs that it is.
  void store_member(const Member &, ValueId made);
  void store_at(ValueId made, ir::Elem elem, Access target, ir::NodeId id, int stage) {
    put(store_of(made, elem, std::move(target), function_[id].place), stage);
  }
  /// Into the current stage, or for what is the same for all its inner points into the stage before it.
  ValueId emit(Instruction, bool inner);
  /// The stage that follows is built.
  void at_level(int level);

  const ir::Function &function_;
  const Memory &memory_;
  const Layout &layout_;
  const std::vector<BufferId> &outputs_;
  const Group *group_ = nullptr;
  Kernel kernel_;
  Operands operands_;

private:
  ValueId load(const At &);
  ValueId compute(const At &);
  ValueId input(const At &);
  ValueId row_number(int table, const Affine &row, ir::NodeId);
  ValueId gather(const At &);
  ValueId converted(ValueId from, ir::Elem, ir::NodeId);
  ValueId affine(const Affine &, ir::NodeId);
  void store_output(ValueId made, const ir::Output &, Access target, ir::NodeId, int stage);
  bool is_inner(const Index &) const;
  bool in_stage(ValueId) const;
  ValueId put(Instruction, int stage);

  int inner_from_ = 0; // the first inner axis; -1: none is told apart
  int level_ = 0;
  std::map<At, ValueId> in_kernel_, in_stage_;
};

} // namespace nnc::codegen
