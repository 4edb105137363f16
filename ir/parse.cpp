// Reads what print writes. Numbers of nodes may be any, ascending or not, as long as each is defined before it is used.

#include "ir/text.h"

#include "ir/builder.h"
#include "ir/op.h"
#include "ir/spelling.h"
#include "ir/verify.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fmt/format.h>
#include <map>

namespace nnc::ir {

namespace {

class Parser {
public:
  explicit Parser(std::string_view text) : text(text) {}

  Module module() {
    Module result;
    skip();
    while (at < text.size()) result.functions.push_back(function());
    return result;
  }

  // Fields of attributes.
  void operator()(const char *name, int64_t &field) { key(name), field = number<int64_t>(); }
  void operator()(const char *name, uint64_t &field) { key(name), field = hexadecimal(); }
  void operator()(const char *name, Extent &field) { key(name), field = extent(); }
  void operator()(const char *name, bool &field) { key(name), field = number<int>() != 0; }
  void operator()(const char *name, FunctionPointer &field) {
    key(name);
    std::map<uint32_t, NodeId> around;
    around.swap(named);
    field = std::make_shared<const Function>(function());
    named.swap(around);
  }
  void operator()(const char *name, ReduceKind &field) { key(name), field = spelled<ReduceKind>(reduce_kinds); }
  template <typename T> void operator()(const char *name, std::vector<T> &field) {
    key(name);
    expect("[");
    while (!take("]")) {
      if (!field.empty()) expect(",");
      field.push_back(number<T>());
    }
  }

private:
  std::string_view text;
  size_t at = 0;
  std::map<uint32_t, NodeId> named; // of the function

  [[noreturn]] void fail(const std::string &message) const {
    std::string_view before = text.substr(0, at);
    size_t line = 1 + std::count(before.begin(), before.end(), '\n'), column = at - (before.rfind('\n') + 1) + 1;
    throw ParseError(fmt::format("{}:{}: {}", line, column, message));
  }

  /// Space and comments.
  void skip() {
    while (at < text.size()) {
      if (text[at] == '#')
        at = std::min(text.find('\n', at), text.size());
      else if (std::isspace(static_cast<unsigned char>(text[at])))
        ++at;
      else
        return;
    }
  }

  bool take(std::string_view token) {
    if (text.substr(at, token.size()) != token) return false;
    at += token.size();
    skip();
    return true;
  }
  void expect(std::string_view token) {
    if (!take(token)) fail(fmt::format("expected '{}'", token));
  }
  void key(const char *name) { expect(name), expect("="); }

  std::string_view word() {
    size_t end = at;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_')) ++end;
    if (end == at) fail("expected a name");
    std::string_view result = text.substr(at, end - at);
    at = end;
    skip();
    return result;
  }

  template <typename T> T number() {
    T value{};
    auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), value);
    if (error != std::errc{}) fail("expected a number");
    at = static_cast<size_t>(end - text.data());
    skip();
    return value;
  }
  uint64_t hexadecimal() {
    uint64_t value = 0;
    if (text.substr(at, 2) != "0x") fail("expected 0x and a hexadecimal number");
    auto [end, error] = std::from_chars(text.data() + at + 2, text.data() + text.size(), value, 16);
    if (error != std::errc{}) fail("expected a hexadecimal number");
    at = static_cast<size_t>(end - text.data());
    skip();
    return value;
  }

  template <typename E, size_t n> E spelled(const std::array<std::string_view, n> &names) {
    size_t before = at;
    auto found = std::find(names.begin(), names.end(), word());
    if (found == names.end()) at = before, fail(fmt::format("expected one of {}", fmt::join(names, " ")));
    return static_cast<E>(found - names.begin());
  }

  std::string string() {
    if (at >= text.size() || text[at] != '"') fail("expected a string in quotes");
    std::string result;
    for (++at; at < text.size() && text[at] != '"'; ++at) {
      unsigned char code = static_cast<unsigned char>(text[at]);
      if (code == '\\') {
        auto [end, error] = std::from_chars(text.data() + at + 1, text.data() + std::min(at + 3, text.size()), code, 16);
        if (error != std::errc{} || end != text.data() + at + 3) fail("expected two hexadecimal digits");
        at += 2;
      }
      result += static_cast<char>(code);
    }
    if (at >= text.size()) fail("a string without its end");
    ++at;
    skip();
    return result;
  }

  Extent extent() {
    Extent result;
    bool counted = at < text.size() && std::isdigit(static_cast<unsigned char>(text[at]));
    if (counted) result.count = number<int64_t>();
    result.batch = take("B");
    if (!counted && !result.batch) fail("expected an extent");
    return result;
  }

  Type type() {
    if (take("(")) {
      Type tuple;
      do tuple.parts.push_back(type());
      while (take(","));
      expect(")");
      return tuple;
    }
    Type result{spelled<Elem>(std::array<std::string_view, 5>{"bool", "u8", "i32", "f32", "f64"}), {}};
    expect("[");
    while (!take("]")) {
      if (!result.dims.empty()) expect(",");
      result.dims.push_back(extent());
    }
    return result;
  }

  NodeId operand() {
    expect("%");
    size_t before = at;
    auto found = named.find(number<uint32_t>());
    if (found == named.end()) at = before, fail("a node that is not defined before");
    return found->second;
  }

  void input(Builder &b) {
    InputKind kind = spelled<InputKind>(input_kinds);
    int slot = number<int>();
    std::string name = string();
    expect(":");
    b.input({kind, slot, name, no_node}, type());
  }

  void operation(Builder &b, Op op) {
    std::vector<NodeId> operands;
    while (at < text.size() && text[at] == '%') {
      operands.push_back(operand());
      if (!take(",")) break;
    }
    Attributes attributes = record(op).blank();
    for_fields(attributes, *this);
    expect(":");
    size_t before = at;
    Type declared = type();
    try {
      NodeId id = b.add_node(op, operands, attributes, record(op).declared_type ? &declared : nullptr);
      if (b.type(id) != declared) at = before, fail(fmt::format("the type is {}", to_string(b.type(id))));
    } catch (const InternalError &error) {
      at = before, fail(error.what());
    }
  }

  void node(Builder &b) {
    uint32_t name = number<uint32_t>();
    expect("=");
    size_t before = at;
    std::string_view operation_name = word();
    auto op = op_named(operation_name);
    if (!op) at = before, fail(fmt::format("no operation '{}'", operation_name));
    *op == Op::input ? input(b) : operation(b, *op);
    if (!named.emplace(name, static_cast<NodeId>(b.function().nodes.size() - 1)).second)
      fail(fmt::format("%{} is defined twice", name));
  }

  Function function() {
    Function result;
    Builder b(result);
    named.clear();
    expect("function");
    result.name = string();
    expect("{");
    while (!take("}")) {
      if (take("%")) {
        node(b);
        continue;
      }
      expect("output");
      OutputKind kind = spelled<OutputKind>(output_kinds);
      int slot = number<int>();
      std::string name = string();
      b.output({kind, slot, name, operand()});
    }
    return result;
  }
};

} // namespace

Module parse(std::string_view text) { return Parser(text).module(); }

bool equal(const Function &a, const Function &b) {
  auto same_node = [](const Node &x, const Node &y) {
    return x.op == y.op && x.type == y.type && x.operands == y.operands && equal(x.attributes, y.attributes);
  };
  auto same_end = [](const auto &x, const auto &y) {
    return x.kind == y.kind && x.slot == y.slot && x.name == y.name && x.node == y.node;
  };
  return a.name == b.name && std::equal(a.nodes.begin(), a.nodes.end(), b.nodes.begin(), b.nodes.end(), same_node) &&
         std::equal(a.inputs.begin(), a.inputs.end(), b.inputs.begin(), b.inputs.end(), same_end) &&
         std::equal(a.outputs.begin(), a.outputs.end(), b.outputs.begin(), b.outputs.end(), same_end);
}

} // namespace nnc::ir
