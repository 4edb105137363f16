#include "codegen/body.h"

#include "codegen/axes.h"
#include "ir/builder.h"

#include <algorithm>
#include <map>

namespace nnc::codegen {
namespace {

using ir::Elem;
using ir::Node;
using ir::NodeId;
using ir::Op;

/// Builds one kernel. Axes are numbered while building as AxisLists says; finish_axes collapses them.
class Body {
public:
  Body(const ir::Function &function, const Memory &memory, const Layout &layout, const std::vector<BufferId> &outputs)
      : function_(function), memory_(memory), layout_(layout), outputs_(outputs) {}

  Kernel map_or_row(const Group &group) {
    group_ = &group;
    inner_from_ = static_cast<int>(group.outer.size());
    int level = 0;
    for (const Member &member : group.members) level = std::max(level, member.level);
    stages(level + 1);
    std::vector<Member> order = group.members;
    std::stable_sort(order.begin(), order.end(), [](const Member &a, const Member &b) { return a.level < b.level; });
    for (const Member &member : order) {
      if (member.level != level_) in_stage_.clear();
      level_ = member.level;
      store_member(member, root_value(member));
    }
    AxisLists lists;
    for (int axis : group.outer) lists.outer.push_back(to_size(group.shape[axis]));
    for (int axis : group.inner) lists.inner.push_back(to_size(group.shape[axis]));
    // Lanes lie along the axis that is last in memory, but not along one as short as that of a pool's window.
    constexpr int64_t shortest = 8;
    bool inner_lanes = !group.inner.empty() && (group.outer.empty() || group.inner.back() > group.outer.back());
    int last = group.inner.empty() ? -1 : group.inner.back();
    if (int axis = contiguous_axis(); axis >= 0 && !group.inner.empty()) {
      inner_lanes = axis >= static_cast<int>(group.outer.size());
      if (inner_lanes) last = group.inner[axis - static_cast<int>(group.outer.size())];
    }
    if (inner_lanes && !group.outer.empty()) inner_lanes = group.shape[last].batch || group.shape[last].count >= shortest;
    kernel_.lanes = inner_lanes ? Lanes::inner : Lanes::outer;
    return finish(lists, group.members[0].node);
  }

  Kernel contraction(const Group &group) {
    group_ = &group;
    NodeId root = group.members[0].node;
    const Node &node = function_[root];
    const auto &dot = std::get<ir::DotAttributes>(node.attributes);
    std::vector<At> operands = root_operands(function_, root);
    stages(1);
    inner_from_ = -1; // everything belongs to the epilogue's stage
    AxisLists lists;
    size_t left_free = function_.type(node.operands[0]).dims.size() - dot.left_batch.size() - dot.left_contract.size();
    for (size_t axis = 0; axis < node.type.dims.size(); ++axis) {
      auto &list = axis < dot.left_batch.size() ? lists.outer : axis < dot.left_batch.size() + left_free ? lists.m : lists.n;
      list.push_back(to_size(node.type.dims[axis]));
    }
    for (int64_t axis : dot.left_contract) lists.k.push_back(to_size(function_.type(node.operands[0]).dims[axis]));
    kernel_.contraction = Contraction{};
    kernel_.contraction->elem = node.type.elem;
    kernel_.contraction->a = access(*memory_.view(operands[0].node), operands[0].index);
    kernel_.contraction->b = access(*memory_.view(operands[1].node), operands[1].index);
    operands_.a_elements = memory_.elements(operands[0].node), operands_.b_elements = memory_.elements(operands[1].node);
    for (const Member &member : group.members) {
      ValueId value =
          member.node == root ? emit(instruction(Code::accumulator, node.type.elem, node.place), true) : root_value(member);
      store_member(member, value);
    }
    return finish(lists, root);
  }

  /// Zeros over a box of a node's elements, those of `extents` from `start` on.
  Kernel fill(NodeId id, const std::vector<int64_t> &start, const ir::Shape &extents) {
    Group group = over(extents);
    group_ = &group;
    inner_from_ = static_cast<int>(group.outer.size());
    stages(1);
    ValueId zero = constant(function_.type(id).elem, 0, id);
    Index target = identity_index(static_cast<int>(extents.size()));
    for (size_t axis = 0; axis < target.size(); ++axis) target[axis].constant += start[axis];
    store_at(zero, function_.type(id).elem, home(id, target), id, 0);
    return finish(outer_lists(extents), id);
  }

  /// An operand put into a part of `id`: element i goes to start + step·i along each axis.
  Kernel part(NodeId id, NodeId operand, const std::vector<int64_t> &start, const std::vector<int64_t> &step) {
    Group group = whole(operand);
    group_ = &group;
    inner_from_ = static_cast<int>(group.outer.size());
    stages(1);
    Index identity = identity_index(function_.type(operand).rank()), target;
    for (size_t axis = 0; axis < identity.size(); ++axis) target.push_back(identity[axis] * step[axis] + Affine{start[axis], {}});
    group.members.clear();
    ValueId moved = value({operand, identity});
    store_at(moved, function_.type(id).elem, home(id, target), id, 0);
    return finish(outer_lists(function_.type(operand).dims), id);
  }

  Kernel copied(NodeId operand, const Access &to) {
    Group group = whole(operand);
    group_ = &group;
    inner_from_ = static_cast<int>(group.outer.size());
    stages(1);
    Index identity = identity_index(function_.type(operand).rank());
    ValueId moved = value({operand, identity});
    Access target = row_major(operand, identity, to.buffer);
    target.constant = to.constant;
    store_at(moved, function_.type(operand).elem, std::move(target), operand, 0);
    return finish(outer_lists(function_.type(operand).dims), operand);
  }

  /// scatter_add(index[b…, i…], updates[b…, i…, r…]): outer axes b and r, the stage runs over i in order.
  Kernel scatter(NodeId id) {
    const Node &node = function_[id];
    int64_t batch = std::get<ir::GatherAttributes>(node.attributes).batch;
    const ir::Shape &updates = function_.type(node.operands[1]).dims;
    int64_t index_rank = function_.type(node.operands[0]).rank();
    Group group;
    group.kind = GroupKind::row;
    group.shape = updates;
    for (int axis = 0; axis < static_cast<int>(updates.size()); ++axis)
      (axis >= batch && axis < index_rank ? group.inner : group.outer).push_back(axis);
    group_ = &group;
    inner_from_ = static_cast<int>(group.outer.size());
    stages(2);
    level_ = 1;
    Index at = rename_axes(identity_index(static_cast<int>(updates.size())), group.kernel_axes());
    ValueId row = value({node.operands[0], Index(at.begin(), at.begin() + index_rank)});
    ValueId update = value({node.operands[1], at});
    const MemoryView made = *memory_.view(id);
    const std::vector<Size> &strides = made.strides;
    Access target{made.buffer, made.start, {}, {{row, strides[batch]}}};
    for (int64_t axis = 0; axis < batch; ++axis) add_strided(target, at[axis], strides[axis]);
    for (size_t axis = index_rank; axis < updates.size(); ++axis)
      add_strided(target, at[axis], strides[batch + 1 + axis - index_rank]);
    Instruction added = store_of(update, node.type.elem, std::move(target), node.place);
    added.code = Code::store_add;
    emit(std::move(added), true);
    AxisLists lists;
    for (int axis : group.outer) lists.outer.push_back(to_size(updates[axis]));
    for (int axis : group.inner) lists.inner.push_back(to_size(updates[axis]));
    kernel_.lanes = Lanes::outer;
    return finish(lists, id);
  }

  /// The order of the operand's elements along its last axis.
  Kernel ordering(NodeId id) {
    const Node &node = function_[id];
    Group group = whole(id);
    group_ = &group;
    inner_from_ = static_cast<int>(group.outer.size());
    const Index identity = identity_index(node.type.rank());
    kernel_.ordering = Ordering{};
    kernel_.ordering->elem = function_.type(node.operands[0]).elem;
    kernel_.ordering->keys = access(*memory_.view(node.operands[0]), identity);
    kernel_.ordering->result = home(id, identity);
    AxisLists lists = outer_lists(node.type.dims);
    lists.inner = {lists.outer.back()};
    lists.outer.pop_back();
    return finish(lists, id);
  }

private:
  /// The axis along which the first load that moves along inner axes finds its neighbours; -1: none.
  int contiguous_axis() const {
    for (const Instruction &value : kernel_.values) {
      if (value.code != Code::load) continue;
      const std::vector<Size> &strides = value.access.strides;
      bool moves = false;
      for (size_t axis = inner_from_; axis < strides.size(); ++axis) moves |= !strides[axis].is_zero();
      if (!moves) continue;
      for (size_t axis = 0; axis < strides.size(); ++axis)
        if (strides[axis] == Size(1)) return static_cast<int>(axis);
      return -1;
    }
    return -1;
  }

  Group whole(NodeId id) const { return over(function_.type(id).dims); }

  static Group over(const ir::Shape &shape) {
    Group group;
    group.shape = shape;
    for (size_t axis = 0; axis < group.shape.size(); ++axis) group.outer.push_back(static_cast<int>(axis));
    return group;
  }

  AxisLists outer_lists(const ir::Shape &shape) const {
    AxisLists lists;
    for (const ir::Extent &extent : shape) lists.outer.push_back(to_size(extent));
    return lists;
  }

  void stages(int count) { kernel_.stages.resize(count); }

  Kernel finish(const AxisLists &lists, NodeId root) {
    std::vector<bool> has_axes;
    for (size_t stage = 0; stage < kernel_.stages.size(); ++stage)
      has_axes.push_back(kernel_.contraction ? true : stage % 2 == 1);
    kernel_.place = function_[root].place;
    finish_axes(kernel_, lists, operands_, has_axes);
    std::erase_if(kernel_.stages, [](const Stage &stage) { return stage.code.empty(); });
    return std::move(kernel_);
  }

  // Values.

  /// The value of what a member computes, in the kernel's axes.
  ValueId root_value(const Member &member) {
    const Node &node = function_[member.node];
    if (node.op == Op::reduce || node.op == Op::argreduce || node.op == Op::dot) {
      std::vector<int> axes = node.op == Op::dot ? dot_axes() : group_->kernel_axes();
      Instruction made = instruction(node.op == Op::argreduce ? Code::argreduce : Code::reduce, node.type.elem, node.place);
      for (const At &at : root_operands(function_, member.node))
        made.operands.push_back(value({at.node, rename_axes(at.index, axes)}));
      if (auto *reduce = std::get_if<ir::ReduceAttributes>(&node.attributes)) made.reduce = reduce->kind;
      return emit(std::move(made), true);
    }
    return compute({member.node, rename_axes(identity_index(node.type.rank()), group_->value_axes(member))});
  }

  /// An inner product's domain has its outer axes first already.
  std::vector<int> dot_axes() const {
    std::vector<int> axes;
    for (size_t i = 0; i < group_->shape.size(); ++i) axes.push_back(static_cast<int>(i));
    return axes;
  }

  ValueId value(const At &at) {
    bool inner = is_inner(at.index);
    auto &memo = inner ? in_stage_ : in_kernel_;
    if (auto found = memo.find(at); found != memo.end()) return found->second;
    ValueId made = memory_.kept(at.node) ? load(at) : compute(at);
    memo.emplace(at, made);
    return made;
  }

  ValueId load(const At &at) {
    const Node &node = function_[at.node];
    return emit(load_of(node.type.elem, access(*memory_.view(at.node), at.index), node.place), is_inner(at.index));
  }

  ValueId compute(const At &at) {
    const Node &node = function_[at.node];
    bool inner = is_inner(at.index);
    switch (node.op) {
    case Op::input: return input(at);
    case Op::constant: {
      const auto &values = std::get<ir::ConstantAttributes>(node.attributes).values;
      return values.size() == 1 ? constant(node.type.elem, values[0], at.node) : load(at);
    }
    case Op::iota: return affine(at.index[std::get<ir::AxesAttributes>(node.attributes).axes[0]], at.node);
    case Op::copy:
    case Op::stop_gradient:
    case Op::barrier: return value({node.operands[0], at.index});
    case Op::gather: return gather(at);
    default: break;
    }
    std::vector<At> operands = operands_at(function_, at);
    if (std::holds_alternative<ir::View>(record(node.op).kernel)) return operands.empty() ? load(at) : value(operands[0]);
    Instruction made = scalar_of(node.op, node.type.elem, {}, node.place);
    for (const At &operand : operands) made.operands.push_back(value(operand));
    if (auto *random = std::get_if<ir::RandomAttributes>(&node.attributes)) made.random = *random;
    return emit(std::move(made), inner);
  }

  ValueId input(const At &at) {
    const Node &node = function_[at.node];
    const ir::Input &input = function_.inputs[std::get<ir::InputAttributes>(node.attributes).number];
    switch (input.kind) {
    case ir::InputKind::tensor:
    case ir::InputKind::source: return load(at);
    case ir::InputKind::position:
    case ir::InputKind::turn: return constant(node.type.elem, 0, at.node);
    case ir::InputKind::row:
      if (at.index.empty()) return constant(node.type.elem, 0, at.node);
      if (layout_.data == 0) return affine(at.index[0], at.node); // without data: the place in the batch
      return row_number(0, at.index[0], at.node);
    case ir::InputKind::setting: {
      Access setting{memory_.settings(), input.slot, {}, {}};
      const std::vector<Size> strides = row_major_strides(node.type.dims);
      for (size_t axis = 0; axis < at.index.size(); ++axis) add_strided(setting, at.index[axis], strides[axis]);
      return converted(emit(load_of(Elem::f64, setting, node.place), is_inner(at.index)), node.type.elem, at.node);
    }
    case ir::InputKind::argument:
      if (!memory_.view(at.node)) throw ir::InternalError("an entry has no arguments");
      return load(at); // of a loop's body
    default: break;
    }
    Instruction made = instruction(Code::call_value, Elem::i32, node.place);
    made.input = input.kind;
    return converted(emit(std::move(made), false), node.type.elem, at.node);
  }

  ValueId row_number(int table, const Affine &row, NodeId id) {
    Access rows{memory_.row_table(table), 0, {}, {}};
    add_strided(rows, row, 1);
    return emit(load_of(Elem::i32, rows, function_[id].place), is_inner({row}));
  }

  ValueId gather(const At &at) {
    const Node &node = function_[at.node];
    int64_t batch = std::get<ir::GatherAttributes>(node.attributes).batch;
    int64_t index_rank = function_.type(node.operands[1]).rank();
    ValueId row = value({node.operands[1], Index(at.index.begin(), at.index.begin() + index_rank)});
    MemoryView table = *memory_.view(node.operands[0]);
    Index fixed(at.index.begin(), at.index.begin() + batch);
    fixed.push_back({});
    fixed.insert(fixed.end(), at.index.begin() + index_rank, at.index.end());
    Access target = access(table, fixed);
    target.indirect.emplace_back(row, table.strides[batch]);
    return emit(load_of(node.type.elem, target, node.place), is_inner(at.index));
  }

  ValueId constant(Elem elem, double number, NodeId id) {
    Instruction made = instruction(Code::constant, elem, function_[id].place);
    made.value = number;
    return emit(std::move(made), false);
  }

  ValueId converted(ValueId from, Elem elem, NodeId id) {
    if (kernel_.values[from].elem == elem) return from;
    return emit(scalar_of(Op::convert, elem, {from}, function_[id].place), in_stage(from));
  }

  /// constant + Σ coefficient·axis as an i32 value.
  ValueId affine(const Affine &index, NodeId id) {
    bool inner = is_inner({index});
    PlaceId place = function_[id].place;
    auto scalar = [&](Op op, ValueId a, ValueId b) { return emit(scalar_of(op, Elem::i32, {a, b}, place), inner); };
    ValueId sum = -1;
    for (auto [axis, coefficient] : index.terms) {
      Instruction loop = instruction(Code::axis, Elem::i32, place);
      loop.axis = axis;
      ValueId term = emit(std::move(loop), inner);
      if (coefficient != 1) term = scalar(Op::mul, term, constant(Elem::i32, static_cast<double>(coefficient), id));
      sum = sum < 0 ? term : scalar(Op::add, sum, term);
    }
    if (sum < 0) return constant(Elem::i32, static_cast<double>(index.constant), id);
    return index.constant == 0 ? sum : scalar(Op::add, sum, constant(Elem::i32, static_cast<double>(index.constant), id));
  }

  // Addresses.

  static void add_strided(Access &access, const Affine &index, const Size &stride) {
    access.constant = access.constant + stride * Size(index.constant);
    for (auto [axis, coefficient] : index.terms) {
      if (static_cast<int>(access.strides.size()) <= axis) access.strides.resize(axis + 1);
      access.strides[axis] = access.strides[axis] + stride * Size(coefficient);
    }
  }

  Access access(const MemoryView &view, const Index &index) {
    Access made{view.buffer, view.start, {}, {}};
    for (size_t axis = 0; axis < index.size(); ++axis) {
      if (axis == 0 && view.rows >= 0) {
        Access rows{memory_.row_table(view.rows), 0, {}, {}};
        add_strided(rows, index[0], 1);
        ValueId row = emit(load_of(Elem::i32, rows, {}), is_inner({index[0]}));
        made.indirect.emplace_back(row, view.strides[0]);
      } else {
        add_strided(made, index[axis], view.strides[axis]);
      }
    }
    return made;
  }

  /// Where the kept node's element is.
  Access home(NodeId id, const Index &index) { return access(*memory_.view(id), index); }

  Access row_major(NodeId id, const Index &index, BufferId buffer) const {
    Access made{buffer, 0, {}, {}};
    std::vector<Size> strides = row_major_strides(function_.type(id).dims);
    for (size_t axis = 0; axis < index.size(); ++axis) add_strided(made, index[axis], strides[axis]);
    return made;
  }

  // Stores.

  void store_member(const Member &member, ValueId made) {
    const Node &node = function_[member.node];
    At at{member.node, rename_axes(identity_index(node.type.rank()), group_->value_axes(member))};
    (is_inner(at.index) ? in_stage_ : in_kernel_)[at] = made;
    // A reduction's value exists once its stage has ended.
    const int stage = member.level % 2 == 1 && !member.inner ? member.level + 1 : member.level;
    if (static_cast<int>(kernel_.stages.size()) <= stage) kernel_.stages.resize(stage + 1);
    const Access own = home(member.node, at.index);
    store_at(made, node.type.elem, own, member.node, stage);
    for (size_t output = 0; output < function_.outputs.size(); ++output)
      if (function_.outputs[output].node == member.node && outputs_[output] != own.buffer)
        store_output(made, function_.outputs[output], row_major(member.node, at.index, outputs_[output]), member.node, stage);
  }

  void store_output(ValueId made, const ir::Output &output, Access target, NodeId id, int stage) {
    bool counted = output.kind == ir::OutputKind::cost || output.kind == ir::OutputKind::report;
    Elem elem = function_.type(id).elem;
    if ((counted || output.kind == ir::OutputKind::check) && elem != Elem::f64) {
      elem = Elem::f64;
      made = put(scalar_of(Op::convert, elem, {made}, function_[id].place), stage);
    }
    if (counted) target.constant = target.constant + Size(output.slot);
    store_at(made, elem, std::move(target), id, stage);
  }

  void store_at(ValueId made, Elem elem, Access target, NodeId id, int stage) {
    put(store_of(made, elem, std::move(target), function_[id].place), stage);
  }

  // Placement.

  bool is_inner(const Index &index) const {
    if (inner_from_ < 0) return false;
    for (const Affine &part : index)
      for (auto [axis, coefficient] : part.terms)
        if (axis >= inner_from_) return true;
    return false;
  }

  bool in_stage(ValueId value) const {
    const auto &code = kernel_.stages[level_].code;
    return level_ % 2 == 1 && std::find(code.begin(), code.end(), value) != code.end();
  }

  /// Into the current stage, or for what is the same for all its inner points into the stage before it.
  ValueId emit(Instruction instruction, bool inner) {
    return put(std::move(instruction), inner || level_ % 2 == 0 ? level_ : level_ - 1);
  }

  ValueId put(Instruction instruction, int stage) {
    ValueId id = static_cast<ValueId>(kernel_.values.size());
    kernel_.values.push_back(std::move(instruction));
    kernel_.stages[stage].code.push_back(id);
    return id;
  }

  const ir::Function &function_;
  const Memory &memory_;
  const Layout &layout_;
  const std::vector<BufferId> &outputs_;
  const Group *group_ = nullptr;
  Kernel kernel_;
  Operands operands_;
  int inner_from_ = 0; // the first inner axis; -1: none is told apart
  int level_ = 0;
  std::map<At, ValueId> in_kernel_, in_stage_;
};

} // namespace

Kernel build_copy(const ir::Function &function, const Memory &memory, const Layout &layout, NodeId node, const Access &to) {
  static const std::vector<BufferId> none;
  return Body(function, memory, layout, none).copied(node, to);
}

std::vector<Kernel> build_kernels(const ir::Function &function, const Memory &memory, const Layout &layout, const Group &group,
                                  const std::vector<BufferId> &outputs) {
  auto body = [&] { return Body(function, memory, layout, outputs); };
  if (group.kind == GroupKind::contraction) return {body().contraction(group)};
  if (group.kind != GroupKind::alone) return {body().map_or_row(group)};
  NodeId root = group.members[0].node;
  const Node &node = function[root];
  std::vector<int64_t> zeros(node.type.dims.size(), 0), ones(node.type.dims.size(), 1);
  if (node.op == Op::order) return {body().ordering(root)};
  if (node.op == Op::concatenate) {
    std::vector<Kernel> kernels;
    int64_t axis = std::get<ir::AxesAttributes>(node.attributes).axes[0];
    std::vector<int64_t> start = zeros;
    for (NodeId operand : node.operands) {
      if (memory.placed_in(operand) != root) kernels.push_back(body().part(root, operand, start, ones));
      start[axis] += function.type(operand).dims[axis].count;
    }
    return kernels;
  }
  if (node.op == Op::pad) {
    const auto &pad = std::get<ir::PadAttributes>(node.attributes);
    std::vector<int64_t> step = pad.between;
    for (int64_t &between : step) ++between;
    std::vector<Kernel> kernels;
    if (step != ones) {
      kernels.push_back(body().fill(root, zeros, node.type.dims));
    } else {
      // What lies before and behind the operand along each axis, within it along the axes before.
      const ir::Shape &inside = function.type(node.operands[0]).dims;
      std::vector<int64_t> start = zeros;
      ir::Shape extents = node.type.dims;
      for (size_t axis = 0; axis < inside.size(); ++axis) {
        if (inside[axis] == node.type.dims[axis]) continue;
        const int64_t behind = pad.before[axis] + inside[axis].count;
        for (auto [from, to] : {std::pair(int64_t{0}, pad.before[axis]), std::pair(behind, node.type.dims[axis].count)}) {
          if (from == to) continue;
          start[axis] = from, extents[axis].count = to - from;
          kernels.push_back(body().fill(root, start, extents));
        }
        start[axis] = pad.before[axis], extents[axis] = inside[axis];
      }
    }
    if (memory.placed_in(node.operands[0]) != root) kernels.push_back(body().part(root, node.operands[0], pad.before, step));
    return kernels;
  }
  return {body().fill(root, zeros, node.type.dims), body().scatter(root)};
}

} // namespace nnc::codegen
