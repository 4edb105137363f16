#include "codegen/expression.h"

#include <numeric>
#include <set>

namespace nnc::codegen {

using ir::NodeId;
using ir::Op;

std::vector<At> operands_at(const ir::Function &function, const At &at) {
  const ir::Node &node = function[at.node];
  if (node.op == Op::gather) {
    size_t rank = function.type(node.operands[1]).dims.size();
    return {{node.operands[1], Index(at.index.begin(), at.index.begin() + static_cast<ptrdiff_t>(rank))}};
  }
  if (auto *rule = std::get_if<ir::View>(&record(node.op).kernel)) {
    auto map = rule->map(node, function.type(node.operands[0]));
    if (!map) return {}; // loaded as a view of memory
    return {{node.operands[0], compose(*map, at.index)}};
  }
  std::vector<At> result;
  for (NodeId operand : node.operands) result.push_back({operand, at.index});
  return result;
}

Domain domain_of(const ir::Function &function, NodeId id) {
  const ir::Node &node = function[id];
  Domain domain;
  if (node.op == Op::reduce || node.op == Op::argreduce) {
    domain.shape = function.type(node.operands[0]).dims;
    const auto &axes = std::get<ir::ReduceAttributes>(node.attributes).axes;
    std::set<int64_t> reduced(axes.begin(), axes.end());
    for (int axis = 0; axis < static_cast<int>(domain.shape.size()); ++axis)
      (reduced.count(axis) ? domain.inner : domain.outer).push_back(axis);
    return domain;
  }
  domain.shape = node.type.dims;
  domain.outer.resize(domain.shape.size());
  std::iota(domain.outer.begin(), domain.outer.end(), 0);
  if (node.op == Op::dot && is_inner_product(function, id))
    for (int64_t axis : std::get<ir::DotAttributes>(node.attributes).left_contract) {
      domain.inner.push_back(static_cast<int>(domain.shape.size()));
      domain.shape.push_back(function.type(node.operands[0]).dims[axis]);
    }
  return domain;
}

namespace {

/// Operand `side` of a dot: its axes are batch, free and summed ones in any order; result axes are 0…, summed ones follow.
Index dot_operand_index(const ir::Function &function, NodeId id, int side) {
  const ir::Node &node = function[id];
  const auto &dot = std::get<ir::DotAttributes>(node.attributes);
  const auto &batch = side == 0 ? dot.left_batch : dot.right_batch;
  const auto &contract = side == 0 ? dot.left_contract : dot.right_contract;
  int rank = function.type(node.operands[side]).rank(), other_rank = function.type(node.operands[1 - side]).rank();
  int other_free = other_rank - static_cast<int>(batch.size() + contract.size());
  int next_free = static_cast<int>(batch.size()) + (side == 0 ? 0 : other_free);
  Index index(rank);
  std::vector<bool> bound(rank, false);
  for (size_t i = 0; i < batch.size(); ++i) index[batch[i]] = Affine::axis(static_cast<int>(i)), bound[batch[i]] = true;
  for (size_t i = 0; i < contract.size(); ++i)
    index[contract[i]] = Affine::axis(node.type.rank() + static_cast<int>(i)), bound[contract[i]] = true;
  for (int axis = 0; axis < rank; ++axis)
    if (!bound[axis]) index[axis] = Affine::axis(next_free++);
  return index;
}

} // namespace

bool has_own_operands(Op op) {
  return op == Op::reduce || op == Op::argreduce || op == Op::dot || op == Op::scatter_add || op == Op::pad ||
         op == Op::concatenate || op == Op::order;
}

std::vector<At> root_operands(const ir::Function &function, NodeId id) {
  const ir::Node &node = function[id];
  if (node.op == Op::dot)
    return {{node.operands[0], dot_operand_index(function, id, 0)}, {node.operands[1], dot_operand_index(function, id, 1)}};
  if (node.op == Op::reduce || node.op == Op::argreduce)
    return {{node.operands[0], identity_index(function.type(node.operands[0]).rank())}};
  std::vector<At> result;
  for (NodeId operand : node.operands) result.push_back({operand, identity_index(function.type(operand).rank())});
  return result;
}

std::vector<At> frontier(const ir::Function &function, const Memory &memory, NodeId root) {
  std::vector<At> found, work;
  std::set<At> seen;
  auto visit = [&](At at) {
    if (seen.insert(at).second) (memory.kept(at.node) ? found : work).push_back(std::move(at));
  };
  // Read through an address that is not affine in the domain: never the same element, whatever the index.
  auto read_elsewhere = [&](NodeId id) {
    const NodeId below = memory.below_view(id);
    if (memory.kept(below)) found.push_back({below, {Affine{-1, {}}}});
  };
  auto expand = [&](const At &at) {
    const ir::Node &node = function[at.node];
    if (node.op == Op::gather) read_elsewhere(node.operands[0]);
    std::vector<At> operands = operands_at(function, at);
    if (operands.empty() && !node.operands.empty()) read_elsewhere(node.operands[0]);
    for (At &operand : operands) visit(std::move(operand));
  };
  if (const ir::Node &node = function[root]; node.op == Op::scan) {
    // What is carried is copied at first; rows and what is the same in every turn are read where they are.
    const size_t carries = std::get<ir::ScanAttributes>(node.attributes).carries;
    for (size_t i = 0; i < node.operands.size(); ++i)
      i < carries ? visit({node.operands[i], identity_index(function.type(node.operands[i]).rank())})
                  : read_elsewhere(node.operands[i]);
  } else if (has_own_operands(node.op))
    for (At &at : root_operands(function, root)) visit(std::move(at));
  else
    expand({root, identity_index(function.type(root).rank())});
  while (!work.empty()) {
    At at = std::move(work.back());
    work.pop_back();
    expand(at);
  }
  return found;
}

} // namespace nnc::codegen
