#include "codegen/body_moves.h"

#include "codegen/body.h"
#include "ir/builder.h"

namespace nnc::codegen {
namespace {

using ir::Node;
using ir::NodeId;
using ir::Op;

Group over(const ir::Shape &shape) {
  Group group;
  group.shape = shape;
  for (size_t axis = 0; axis < group.shape.size(); ++axis) group.outer.push_back(static_cast<int>(axis));
  return group;
}

AxisLists outer_lists(const ir::Shape &shape) {
  AxisLists lists;
  for (const ir::Extent &extent : shape) lists.outer.push_back(to_size(extent));
  return lists;
}

class Moves : BodyCode {
public:
  explicit Moves(const BodySource &from) : BodyCode(from) {}

  /// Zeros over a box of a node's elements, those of `extents` from `start` on.
  Kernel fill(NodeId id, const std::vector<int64_t> &start, const ir::Shape &extents) {
    Group group = over(extents);
    begin(group, 1);
    ValueId zero = constant(function_.type(id).elem, 0, id);
    Index target = identity_index(static_cast<int>(extents.size()));
    for (size_t axis = 0; axis < target.size(); ++axis) target[axis].constant += start[axis];
    store_at(zero, function_.type(id).elem, home(id, target), id, 0);
    return finish(outer_lists(extents), id);
  }

  /// An operand put into a part of `id`: element i goes to start + step·i along each axis.
  Kernel part(NodeId id, NodeId operand, const std::vector<int64_t> &start, const std::vector<int64_t> &step) {
    Group group = over(function_.type(operand).dims);
    begin(group, 1);
    Index identity = identity_index(function_.type(operand).rank()), target;
    for (size_t axis = 0; axis < identity.size(); ++axis) target.push_back(identity[axis] * step[axis] + Affine{start[axis], {}});
    group.members.clear();
    ValueId moved = value({operand, identity});
    store_at(moved, function_.type(id).elem, home(id, target), id, 0);
    return finish(outer_lists(function_.type(operand).dims), id);
  }

  Kernel copied(NodeId operand, const Access &to) {
    Group group = over(function_.type(operand).dims);
    begin(group, 1);
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
    begin(group, 2);
    at_level(1);
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
    Group group = over(node.type.dims);
    begin(group, 0);
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
};

/// Each operand to its part of the result, but for those that are computed there.
std::vector<Kernel> concatenation(const BodySource &from, NodeId id) {
  const Node &node = from.function[id];
  const std::vector<int64_t> ones(node.type.dims.size(), 1);
  const int64_t axis = std::get<ir::AxesAttributes>(node.attributes).axes[0];
  std::vector<int64_t> start(node.type.dims.size(), 0);
  std::vector<Kernel> kernels;
  for (NodeId operand : node.operands) {
    if (from.memory.placed_in(operand) != id) kernels.push_back(Moves(from).part(id, operand, start, ones));
    start[axis] += from.function.type(operand).dims[axis].count;
  }
  return kernels;
}

/// Zeros, then the operand among them.
std::vector<Kernel> padding(const BodySource &from, NodeId id) {
  const Node &node = from.function[id];
  const auto &pad = std::get<ir::PadAttributes>(node.attributes);
  const std::vector<int64_t> zeros(node.type.dims.size(), 0), ones(node.type.dims.size(), 1);
  std::vector<int64_t> step = pad.between;
  for (int64_t &between : step) ++between;
  std::vector<Kernel> kernels;
  if (step != ones) {
    kernels.push_back(Moves(from).fill(id, zeros, node.type.dims));
  } else {
    // What lies before and behind the operand along each axis, within it along the axes before.
    const ir::Shape &inside = from.function.type(node.operands[0]).dims;
    std::vector<int64_t> start = zeros;
    ir::Shape extents = node.type.dims;
    for (size_t axis = 0; axis < inside.size(); ++axis) {
      if (inside[axis] == node.type.dims[axis]) continue;
      const int64_t behind = pad.before[axis] + inside[axis].count;
      for (auto [begin, end] : {std::pair(int64_t{0}, pad.before[axis]), std::pair(behind, node.type.dims[axis].count)}) {
        if (begin == end) continue;
        start[axis] = begin, extents[axis].count = end - begin;
        kernels.push_back(Moves(from).fill(id, start, extents));
      }
      start[axis] = pad.before[axis], extents[axis] = inside[axis];
    }
  }
  if (from.memory.placed_in(node.operands[0]) != id)
    kernels.push_back(Moves(from).part(id, node.operands[0], pad.before, step));
  return kernels;
}

} // namespace

std::vector<Kernel> build_moves(const BodySource &from, NodeId id) {
  const Node &node = from.function[id];
  if (node.op == Op::order) return {Moves(from).ordering(id)};
  if (node.op == Op::concatenate) return concatenation(from, id);
  if (node.op == Op::pad) return padding(from, id);
  return {Moves(from).fill(id, std::vector<int64_t>(node.type.dims.size(), 0), node.type.dims), Moves(from).scatter(id)};
}

Kernel build_copy(const ir::Function &function, const Memory &memory, const Layout &layout, NodeId node, const Access &to) {
  static const std::vector<BufferId> none;
  return Moves({function, memory, layout, none}).copied(node, to);
}

} // namespace nnc::codegen
