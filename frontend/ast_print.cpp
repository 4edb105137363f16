#include "frontend/ast_print.h"

#include "frontend/ast_fields.h"

#include <fmt/format.h>

namespace nnc::frontend {
namespace {

// The enumerators as they are printed, in the order of ast.h.
constexpr const char *subscript_kinds[] = {"whole", "slice", "at"};
constexpr const char *part_kinds[] = {"name", "number", "any", "subscript"};
constexpr const char *unary_operators[] = {"-", "not"};
constexpr const char *binary_operators[] = {"+", "-", "*", "/", "@", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or"};
constexpr const char *reductions[] = {"sum", "mean", "max", "min", "prod"};
constexpr const char *numbers[] = {"batch", "epochs", "steps", "seed"};

const char *text_of(Subscript::Kind kind) { return subscript_kinds[static_cast<int>(kind)]; }
const char *text_of(PathPart::Kind kind) { return part_kinds[static_cast<int>(kind)]; }
const char *text_of(UnaryOperator op) { return unary_operators[static_cast<int>(op)]; }
const char *text_of(BinaryOperator op) { return binary_operators[static_cast<int>(op)]; }
const char *text_of(ReduceKind kind) { return reductions[static_cast<int>(kind)]; }
const char *text_of(NumberClause::What what) { return numbers[static_cast<int>(what)]; }

/// `text` in quotes, with escapes for what would break the line.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else if (c == '"' || c == '\\')
      out += {'\\', c};
    else
      out += c;
  }
  return out + "\"";
}

/// Prints a node: fields that are one word stand on its line, the others below. A field's text is known to be one word by its type.
class Printer {
public:
  std::string out;

  template <typename Node> void print(const char *label, const Node &node) {
    line(label);
    out += node_name(node);
    inline_fields(node);
    out += '\n';
    ++depth;
    visit_fields(node, [&](const char *name, const auto &field) { below(name, field); });
    --depth;
  }

private:
  void line(const char *label) {
    out.append(2 * depth, ' ');
    if (*label) out.append(label).append(": ");
  }

  template <typename Node> void inline_fields(const Node &node) {
    int count = 0;
    visit_fields(node, [&](const char *, const auto &) { ++count; });
    visit_fields(node, [&](const char *name, const auto &field) {
      std::string text = word(field);
      bool flag = std::is_same_v<std::decay_t<decltype(field)>, bool> && count > 1; // only named, where it is set
      if (flag)
        out += text == "true" ? fmt::format(" {}", name) : "";
      else if (!text.empty())
        out += fmt::format(" {}={}", name, text);
    });
  }

  // The text of a field that is one word, or "".
  static std::string word(const Identifier &identifier) { return identifier.name; }
  static std::string word(const std::string &text) { return text.empty() ? "" : quoted(text); }
  static std::string word(bool value) { return value ? "true" : "false"; }
  template <typename Node> static std::string word(const Node &value) {
    if constexpr (std::is_enum_v<Node>) return text_of(value);
    return "";
  }
  static std::string word(const std::optional<Identifier> &identifier) { return identifier ? identifier->name : ""; }
  static std::string word(const std::vector<Identifier> &names) {
    std::string all;
    for (const Identifier &name : names) all += (all.empty() ? "" : ",") + name.name;
    return all;
  }

  // A field of other nodes, on lines of its own.
  void below(const char *label, const ExprPtr &child) {
    if (child) std::visit([&](const auto &form) { print(label, form); }, child->form);
  }
  void below(const char *label, const std::unique_ptr<Block> &child) {
    if (child) print(label, *child);
  }
  template <typename Node> void below(const char *label, const std::optional<Node> &child) {
    if (child) below(label, *child);
  }
  template <typename Node> void below(const char *label, const std::vector<Node> &children) {
    for (const Node &child : children) below(label, child);
  }
  template <typename... Forms> void below(const char *label, const std::variant<Forms...> &form) {
    std::visit([&](const auto &child) { below(label, child); }, form);
    if constexpr ((std::is_same_v<Forms, Identifier> || ...))
      if (const Identifier *name = std::get_if<Identifier>(&form)) line(label), out += name->name + "\n";
  }
  template <typename Node> void below(const char *label, const Node &node) {
    if constexpr (requires { node.form; })
      below(label, node.form); // Item, Member, Stmt, Clause: only their form says something
    else if constexpr (std::is_same_v<Node, Range>)
      range(label, node);
    else if constexpr (requires { node_name(node); })
      print(label, node);
  }
  void range(const char *label, const Range &node) {
    if (node.low || node.high) print(label, node);
  }

  size_t depth = 0;
};

} // namespace

std::string print_ast(const File &file) {
  Printer printer;
  printer.print("", file);
  return std::move(printer.out);
}

} // namespace nnc::frontend
