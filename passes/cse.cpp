// Common subexpressions: equal operations on equal operands are one node. Barriers stay apart, as that is what they are for.

#include "passes/passes.h"
#include "passes/rewrite.h"

#include "ir/op.h"

#include <algorithm>
#include <unordered_set>

namespace nnc::passes {

using namespace ir;

namespace {

struct Equality {
  const Function *function;
  bool operator()(NodeId a, NodeId b) const {
    const Node &x = (*function)[a], &y = (*function)[b];
    return x.op == y.op && x.type == y.type && x.operands == y.operands && equal(x.attributes, y.attributes);
  }
};

struct Hash {
  const Function *function;
  size_t operator()(NodeId id) const {
    const Node &node = (*function)[id];
    uint64_t h = hash(node.attributes) ^ static_cast<uint64_t>(node.op) ^ static_cast<uint64_t>(node.type.elem) << 8;
    auto mix = [&](uint64_t x) { h = (h ^ x) * 0x9E3779B97F4A7C15u, h ^= h >> 29; };
    for (NodeId operand : node.operands) mix(operand);
    for (const Extent &extent : node.type.dims) mix(static_cast<uint64_t>(extent.count) * 2 + extent.batch);
    return h;
  }
};

} // namespace

Function cse(Function function) {
  std::vector<NodeId> first(function.nodes.size());
  std::unordered_set<NodeId, Hash, Equality> seen(function.nodes.size(), Hash{&function}, Equality{&function});
  for (NodeId id = 0; id < function.nodes.size(); ++id) {
    Node &node = function.nodes[id];
    for (NodeId &operand : node.operands) operand = first[operand];
    if (record(node.op).commutative) std::sort(node.operands.begin(), node.operands.end());
    first[id] = node.op == Op::barrier ? id : *seen.insert(id).first;
  }
  for (Output &output : function.outputs) output.node = first[output.node];
  return without_dead_nodes(std::move(function));
}

} // namespace nnc::passes
