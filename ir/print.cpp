// The IR as text and as a picture.

#include "ir/text.h"

#include "ir/op.h"
#include "ir/spelling.h"

#include <fmt/format.h>

namespace nnc::ir {

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (char c : text) {
    bool plain = static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
    result += plain ? std::string(1, c) : fmt::format("\\{:02x}", static_cast<unsigned char>(c));
  }
  return result + "\"";
}

namespace {

/// Each line two steps further in, but for the first.
std::string indented(const std::string &text) {
  std::string result;
  for (size_t at = 0; at < text.size(); ++at) {
    result += text[at];
    if (text[at] == '\n' && at + 1 < text.size()) result += "  ";
  }
  return result;
}

/// ` name=value` for each field.
struct FieldPrinter {
  std::string &text;

  std::string spelled(bool x) { return x ? "1" : "0"; }
  std::string spelled(const FunctionPointer &function) {
    std::string body = indented(print(*function));
    body.pop_back();
    return body;
  }

  std::string spelled(int64_t x) { return fmt::format("{}", x); }
  std::string spelled(uint64_t x) { return fmt::format("{:#x}", x); }
  std::string spelled(double x) { return fmt::format("{}", x); }
  std::string spelled(ReduceKind kind) { return std::string(reduce_kinds[static_cast<size_t>(kind)]); }
  std::string spelled(Extent extent) { return to_string(extent); }
  template <typename T> std::string spelled(const std::vector<T> &list) {
    std::string result = "[";
    for (size_t i = 0; i < list.size(); ++i) result += (i ? "," : "") + spelled(list[i]);
    return result + "]";
  }
  template <typename T> void operator()(const char *name, const T &field) { text += fmt::format(" {}={}", name, spelled(field)); }
};

std::string line(const Function &function, NodeId id) {
  const Node &node = function[id];
  std::string text = fmt::format("%{} = {}", id, record(node.op).name);
  if (node.op == Op::input) {
    const Input &input = function.inputs[std::get<InputAttributes>(node.attributes).number];
    return text + fmt::format(" {} {} {} : {}", input_kinds[static_cast<size_t>(input.kind)], input.slot, quoted(input.name),
                              to_string(node.type));
  }
  for (size_t i = 0; i < node.operands.size(); ++i) text += fmt::format("{}%{}", i ? ", " : " ", node.operands[i]);
  for_fields(node.attributes, FieldPrinter{text});
  return text + " : " + to_string(node.type);
}

} // namespace

std::string print(const Function &function, const SourceMap *sources) {
  std::string text = fmt::format("function {} {{\n", quoted(function.name));
  for (NodeId id = 0; id < function.nodes.size(); ++id) {
    std::string node = line(function, id), place = sources ? sources->describe(function[id].place) : "";
    text += place.empty() ? fmt::format("  {}\n", node) : fmt::format("  {:<60} # {}\n", node, place);
  }
  for (const Output &output : function.outputs)
    text += fmt::format("  output {} {} {} %{}\n", output_kinds[static_cast<size_t>(output.kind)], output.slot,
                        quoted(output.name), output.node);
  return text + "}\n";
}

std::string print(const Module &module, const SourceMap *sources) {
  std::string text;
  for (const Function &function : module.functions) text += (text.empty() ? "" : "\n") + print(function, sources);
  return text;
}

std::string dot(const Function &function) {
  std::string text = fmt::format("digraph {} {{\n  node [shape=box, fontname=monospace];\n", quoted(function.name));
  for (NodeId id = 0; id < function.nodes.size(); ++id) {
    const Node &node = function[id];
    std::string label =
        node.op == Op::input ? function.inputs[std::get<InputAttributes>(node.attributes).number].name : record(node.op).name;
    text += fmt::format("  n{} [label={}];\n", id, quoted(fmt::format("{} {}", label, to_string(node.type))));
    for (NodeId operand : node.operands) text += fmt::format("  n{} -> n{};\n", operand, id);
  }
  for (size_t i = 0; i < function.outputs.size(); ++i)
    text += fmt::format("  o{} [shape=ellipse, label={}];\n  n{} -> o{};\n", i, quoted(function.outputs[i].name),
                        function.outputs[i].node, i);
  return text + "}\n";
}

} // namespace nnc::ir
