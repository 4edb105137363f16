#pragma once
// Making an expression, with the height of its tree.

#include "frontend/ast_fields.h"
#include "frontend/parse_internal.h"
#include "frontend/parser.h"

#include <algorithm>

namespace nnc::frontend {

/// The greatest height among the expressions that stand directly in what it is called on.
struct HeightBelow {
  uint32_t height = 0;

  void operator()(const char *, const auto &field) { look(field); }
  void look(const ExprPtr &child) {
    if (child) height = std::max(height, child->height);
  }
  template <typename Node> void look(const std::unique_ptr<Node> &child) {
    if (child) look(*child);
  }
  template <typename Node> void look(const std::optional<Node> &child) {
    if (child) look(*child);
  }
  template <typename Node> void look(const std::vector<Node> &children) {
    for (const Node &child : children) look(child);
  }
  template <typename... Forms> void look(const std::variant<Forms...> &form) {
    std::visit([this](const auto &child) { look(child); }, form);
  }
  void look(const Identifier &) {}
  template <typename Node> void look(const Node &node) {
    if constexpr (requires { node_name(node); }) visit_fields(node, *this);
  }
};

template <typename Form> ExprPtr Parser::make(Span span, Form form) {
  HeightBelow below;
  below.look(form);
  if (below.height >= max_height) {
    diagnostics.report(DiagnosticKind::expression_too_deep, {file_number, span.begin, span.begin}, max_height)
        .note("bind parts of it to names");
    throw Recover{};
  }
  return std::make_unique<Expr>(Expr{span, std::move(form), below.height + 1});
}

} // namespace nnc::frontend
