// Constants: an operation on constants is a constant, computed by the reference evaluator.

#include "passes/passes.h"
#include "passes/rewrite.h"

#include "ir/functions.h"
#include "ir/op.h"

#include <algorithm>

namespace nnc::passes {

using namespace ir;

namespace {

constexpr int64_t most_elements = 4096; // of a constant that folding makes

bool small(const Type &type) {
  Count count;
  return product(type.dims, count) && count.power == 0 && count.count <= most_elements;
}

/// Evaluates `node` on the operands' values.
Array value_of(const Function &function, const Node &node, const std::vector<Array> &operands) {
  std::vector<const Array *> pointers;
  for (const Array &operand : operands) pointers.push_back(&operand);
  return record(node.op).evaluate({function, node, pointers, 1});
}

/// Elementwise on splats, and views of a splat: one value, whatever the shape.
NodeId fold_splats(Builder &b, NodeId id) {
  const Node &node = b.function()[id];
  const KernelRule &kernel = record(node.op).kernel;
  bool elementwise = std::holds_alternative<ScalarBody>(kernel);
  if (!elementwise && !std::holds_alternative<View>(kernel)) return no_node;
  std::vector<Array> operands;
  for (NodeId operand : node.operands) {
    auto value = splat(b.function(), operand);
    if (!value) return no_node;
    operands.push_back({b.type(operand).elem, {}, {*value}});
  }
  if (!elementwise) return b.constant(node.type, operands[0].values[0]);
  Node scalar{node.op, {node.type.elem, {}}, {}, node.attributes, {}};
  return b.constant(node.type, value_of(b.function(), scalar, operands).values[0]);
}

/// Anything small on constants.
NodeId fold_small(Builder &b, NodeId id) {
  const Node &node = b.function()[id];
  if (!small(node.type)) return no_node;
  std::vector<Array> operands;
  for (NodeId operand : node.operands) {
    const Node &from = b.function()[operand];
    if (from.op != Op::constant || !small(from.type)) return no_node;
    operands.push_back(record(Op::constant).evaluate({b.function(), from, {}, 1}));
  }
  std::vector<double> values = value_of(b.function(), node, operands).values;
  bool same = std::all_of(values.begin(), values.end(),
                          [&](double x) { return equal(ConstantAttributes{{x}}, ConstantAttributes{{values[0]}}); });
  if (same && !values.empty()) values.resize(1);
  return b.constant(node.type, values);
}

NodeId fold_node(Builder &b, NodeId id) {
  const Node &node = b.function()[id];
  if (node.operands.empty() || node.type.is_tuple() || is_across_examples(node)) return no_node;
  NodeId folded = fold_splats(b, id);
  return folded != no_node ? folded : fold_small(b, id);
}

constexpr Rule rules[] = {
#define NNC_OP(name) {Op::name, "constant operands", fold_node},
#include "ir/ops.def"
};

} // namespace

Function fold(const Function &function) { return rewrite(function, rules); }

} // namespace nnc::passes
