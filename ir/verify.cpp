#include "ir/verify.h"

#include "ir/op.h"

#include <fmt/format.h>

namespace nnc::ir {

static std::string verify_node(const Function &function, NodeId id) {
  const Node &node = function[id];
  const OpRecord &facts = record(node.op);
  std::vector<const Type *> types;
  for (NodeId operand : node.operands) {
    if (operand >= id) return fmt::format("operand %{} does not come before it", operand);
    types.push_back(&function.type(operand));
  }
  std::string error;
  Type type = result_type(node.op, std::move(types), node.attributes, facts.declared_type ? &node.type : nullptr, error);
  if (!error.empty()) return error;
  if (const auto *body = function_of(node.attributes); body && *body)
    if (std::string inside = verify(**body); !inside.empty()) return inside;
  return type == node.type ? "" : fmt::format("is {}, not {}", to_string(type), to_string(node.type));
}

std::string verify(const Function &function) {
  size_t inputs = 0;
  for (NodeId id = 0; id < function.nodes.size(); ++id) {
    if (std::string error = verify_node(function, id); !error.empty())
      return fmt::format("{}: %{} = {}: {}", function.name, id, record(function[id].op).name, error);
    if (function[id].op != Op::input) continue;
    ++inputs;
    size_t number = static_cast<size_t>(std::get<InputAttributes>(function[id].attributes).number);
    if (number >= function.inputs.size() || function.inputs[number].node != id)
      return fmt::format("{}: %{} = input: is not input {}", function.name, id, number);
  }
  if (inputs != function.inputs.size())
    return fmt::format("{}: {} inputs have {} nodes", function.name, function.inputs.size(), inputs);
  for (const Output &output : function.outputs)
    if (output.node >= function.nodes.size())
      return fmt::format("{}: output '{}' has no node %{}", function.name, output.name, output.node);
  return "";
}

} // namespace nnc::ir
