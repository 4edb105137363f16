#pragma once
// Kernels to LLVM IR. The form of a kernel becomes
//
//   void kN(nnc_call *, i64 *places, i64 examples, i64 turn, i64 begin, i64 end)
//
// which runs the points of one of its axes (Sharing) from `begin` to `end`; `turn` counts the steps of the call from 0. `places` tells
// kernels of one form apart: the address of each buffer, then the path of each draw and what else is a number. An entry works the places of its kernels out once
// a call and calls them in order, each thread with its share. Vectors are explicit: the lane axis goes in steps of several vectors, and
// what remains at its end runs as masked vectors of the same code, so that no result depends on where an element falls.

#include "codegen/kernel_form.h"
#include "codegen/scalar.h"
#include "codegen/target.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <map>

namespace nnc::codegen {

/// The points that straight-line code is emitted for at once: one, or `vectors` vectors of `width` along the lane axis, behind each other or, each of the whole
/// axis, at neighbouring points of another.
struct Block {
  std::vector<llvm::Value *> axes; // i64 loop variables, outer axes first; of the lane axis that of the first lane
  int lane_axis = -1;              // none: scalars
  int vector_axis = -1;            // at neighbouring points of which the vectors lie; none: behind each other
  int width = 1, vectors = 1;
  std::vector<llvm::Value *> masks; // per vector of i1; null: all lanes

  bool has_lanes() const { return lane_axis >= 0; }
};

/// A value in a block: one scalar for all points (`uniform`), or a vector for each vector of the block.
struct Computed {
  std::vector<llvm::Value *> parts;
  bool uniform = true;
};

using Computations = std::vector<Computed>; // by ValueId

/// The function of one kernel under construction.
class KernelFunction {
public:
  KernelFunction(llvm::Module &, const Processor &, const KernelForm &);

  const KernelForm &form;
  const Kernel &kernel;
  const Processor &target;
  llvm::IRBuilder<> b;
  llvm::Function *function;
  llvm::Value *begin, *end;

  llvm::LLVMContext &context() { return b.getContext(); }
  MathTarget math() const { return {target.fma, is_point(kernel)}; }
  llvm::Value *integer(int64_t value) { return b.getInt64(value); }

  /// In the function's first block, so that they dominate all: the value of a size, a buffer's address, a number among the places (a draw's
  /// path, or a real that is given), a field of nnc_call.
  llvm::Value *size(const Size &);
  llvm::Value *base(BufferId);
  llvm::Value *number(uint64_t);
  llvm::Value *given(uint64_t number, ir::Elem);
  llvm::Value *call_value(ir::InputKind);
  llvm::Value *field(size_t offset, llvm::Type *);
  /// Memory of the function's frame.
  llvm::Value *local(llvm::Type *, int64_t count = 1, int alignment = 0);

  /// for (i = from; i < to; i += step) body(i); a loop that surely runs once or never is none.
  template <typename F> void loop(llvm::Value *from, llvm::Value *to, int64_t step, F &&body) {
    Loop l = open(from, to, step);
    if (l.runs) body(l.index);
    close(l);
  }
  /// if (condition) body();
  template <typename F> void when(llvm::Value *condition, F &&body) {
    if (auto *known = llvm::dyn_cast<llvm::ConstantInt>(condition)) {
      if (known->isOne()) body();
      return;
    }
    llvm::BasicBlock *then = block("then"), *after = block("after");
    b.CreateCondBr(condition, then, after);
    b.SetInsertPoint(then);
    body();
    b.CreateBr(after);
    b.SetInsertPoint(after);
  }

  /// Makes a store one past the caches. Others see it once the function has returned.
  llvm::Value *stream(llvm::StoreInst *);
  /// Marks a load or store of a buffer with what it cannot overlap.
  llvm::Instruction *mark(llvm::Instruction *, BufferId);

  /// Ends the function; false where LLVM's verifier finds it ill-formed (`error` says how).
  void finish();

private:
  struct Loop {
    bool runs = true;
    llvm::Value *index = nullptr, *to = nullptr;
    int64_t step = 1;
    llvm::BasicBlock *body = nullptr, *after = nullptr;
  };
  Loop open(llvm::Value *from, llvm::Value *to, int64_t step);
  void close(Loop &);
  llvm::BasicBlock *block(const char *name);
  llvm::Value *place(size_t number, llvm::Type *);
  void find_scopes();

  llvm::Value *call_, *places_, *examples_, *turn_;
  llvm::IRBuilder<> first_; // inserts into the first block
  llvm::BasicBlock *body_;
  std::map<std::array<int64_t, 3>, llvm::Value *> sizes_;
  std::vector<llvm::Value *> bases_, numbers_;
  std::map<size_t, llvm::Value *> fields_;
  std::vector<llvm::MDNode *> scope_, apart_; // by buffer
  bool streams_ = false;
};

/// Loads and stores of an access at the points of a block.
Computed load(KernelFunction &, const Access &, const Block &, const Computations &);
void store(KernelFunction &, const Access &, const Block &, const Computations &, const Computed &value);

/// Where an access is at a point given by scalar axes: the element's address.
llvm::Value *address(KernelFunction &, const Access &, const std::vector<llvm::Value *> &axes, const Computations &);

/// The end of the columns that a kernel's triangle leaves `row`, a number among its own rows: behind the row's stretch. The first of its rows that is left
/// `column`. Both may lie outside of the kernel.
llvm::Value *end_of_columns(KernelFunction &, llvm::Value *row);
llvm::Value *first_of_rows(KernelFunction &, llvm::Value *column);

/// A value in the register type of `elem`, of memory's or from it.
llvm::Type *memory_type(llvm::LLVMContext &, ir::Elem);

/// `<width x type>`, or the type itself for width 1.
llvm::Type *vector_of(llvm::Type *, int width);

/// A uniform value spread over the block's vectors; others as they are.
Computed spread(KernelFunction &, const Computed &, const Block &);

/// <0, 1, …> of `type`, plus `first`.
llvm::Value *counting(llvm::Type *integer, int width, int64_t first);

/// The lanes below `remaining` of the vector whose first lane is number `first` of the block.
llvm::Value *lanes_below(KernelFunction &, llvm::Value *remaining, int width, int64_t first);

/// Running results of a stage's reductions, in memory that becomes registers.
class Reductions {
public:
  /// `across_lanes`: the stage's own last axis is the lanes.
  Reductions(KernelFunction &, const Stage &, int width, int vectors, bool across_lanes);
  /// Takes in one block's operand; `position` numbers its first point in the stage's axes (argreduce).
  void add(ValueId, const Block &, const Computations &);
  /// Writes each reduction's value: across lanes where the stage's own axis was the lanes, else one result a lane.
  void finish(Computations &, bool across_lanes);

private:
  struct Running {
    std::vector<llvm::Value *> best, index; // memory, per vector
  };
  llvm::Value *across(ValueId, const Running &, int count);
  llvm::Value *linear_index(const Block &, int vector);

  KernelFunction &f_;
  const Stage &stage_;
  int width_, vectors_;
  std::map<ValueId, Running> running_;
};

/// Emits the stage's instructions for a block.
void emit_code(KernelFunction &, const Stage &, const Block &, Computations &, Reductions *);

/// Lanes of the vectors of a kernel: those of the widest registers for its widest kind of float.
int kernel_lanes(const Kernel &, const Processor &);

/// An estimate of the vector instructions of a stage's code.
double code_cost(const Kernel &, const Stage &);

/// The outer axis that threads part: the first that gives them enough to do, else the longest.
size_t axis_to_share(const Kernel &);

/// The whole function; the others are its kinds.
void lower_kernel(llvm::Module &, const Processor &, const KernelForm &);
void lower_nest(KernelFunction &);
void lower_contraction(KernelFunction &);
void lower_ordering(KernelFunction &);
void lower_steps(KernelFunction &);
void lower_packing(KernelFunction &);

/// The function of a form by its kernel's name, declared where it is not in the module yet.
llvm::Function *kernel_function(llvm::Module &, const std::string &name);
std::string kernel_symbol(const KernelForm &);

/// `nnc_<name>`, which calls the functions of `forms`.
void lower_entry(llvm::Module &, const Processor &, const Entry &, const std::vector<KernelForm> &forms,
                 const std::vector<KernelCall> &);

} // namespace nnc::codegen
