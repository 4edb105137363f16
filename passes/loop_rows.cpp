// A loop over the rows t[i(turn, p)] is a loop over i that looks the rows up in each turn: then they are never written, and read where the table lies.

#include "passes/contract.h"
#include "passes/rewrite.h"

#include "ir/op.h"

#include <algorithm>

namespace nnc::passes {

using namespace ir;

namespace {

/// Whether one elementwise operation alone reads the value, so that the kernel of that looks it up.
bool is_read_by_one(const Function &body, NodeId value) {
  const Node *reader = nullptr;
  int64_t readers = 0;
  for (const Node &node : body.nodes)
    if (const auto count = std::count(node.operands.begin(), node.operands.end(), value); count > 0)
      readers += count, reader = &node;
  const bool is_result = std::any_of(body.outputs.begin(), body.outputs.end(), [&](const Output &o) { return o.node == value; });
  return readers == 1 && !is_result && std::holds_alternative<ScalarBody>(record(reader->op).kernel);
}

/// The body with an index for its input `number`, a row of `index`, and the table as one more input.
Function looking_up(const Function &body, size_t number, Type index, const Type &table) {
  index.dims.erase(index.dims.begin());
  Function made;
  made.name = body.name;
  Builder b(made);
  std::vector<NodeId> map(body.nodes.size(), no_node);
  for (size_t i = 0; i < body.inputs.size(); ++i) {
    b.set_place(body[body.inputs[i].node].place);
    map[body.inputs[i].node] = b.input(body.inputs[i], i == number ? index : body.type(body.inputs[i].node));
  }
  NodeId &row = map[body.inputs[number].node];
  b.set_place(body[body.inputs[number].node].place);
  row = b.gather(b.input({InputKind::argument, static_cast<int>(body.inputs.size()), "", no_node}, table), row, 0);
  for (NodeId id = 0; id < body.nodes.size(); ++id) {
    const Node &node = body[id];
    if (node.op == Op::input) continue;
    std::vector<NodeId> operands;
    for (NodeId operand : node.operands) operands.push_back(map[operand]);
    b.set_place(node.place);
    map[id] = b.add_node(node.op, std::move(operands), node.attributes, record(node.op).declared_type ? &node.type : nullptr);
  }
  for (Output output : body.outputs) {
    output.node = map[output.node];
    b.output(std::move(output));
  }
  return made;
}

} // namespace

NodeId scan_of_gathered(Builder &b, NodeId id) {
  auto scan = attributes<ScanAttributes>(b.function(), id);
  std::vector<NodeId> operands = b.function()[id].operands;
  for (int64_t i = scan.carries; i < scan.carries + scan.sequences; ++i) {
    const Node &rows = b.function()[operands[i]];
    if (rows.op != Op::gather || std::get<GatherAttributes>(rows.attributes).batch != 0) continue;
    const NodeId table = rows.operands[0], index = rows.operands[1];
    if (b.type(index).rank() == 0 || !is_read_by_one(*scan.body, scan.body->inputs[i].node)) continue;
    scan.body = std::make_shared<const Function>(looking_up(*scan.body, static_cast<size_t>(i), b.type(index), b.type(table)));
    operands[i] = index;
    operands.push_back(table);
    return b.add_node(Op::scan, std::move(operands), std::move(scan));
  }
  return no_node;
}

} // namespace nnc::passes
