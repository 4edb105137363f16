#pragma once
// A walk over the syntax tree for what looks at some kinds of nodes, wherever they are.

#include "frontend/ast_fields.h"

namespace nnc::frontend {
namespace walking {

template <typename T> struct is_list : std::false_type {};
template <typename T> struct is_list<std::vector<T>> : std::true_type {};
template <typename T> struct is_variant : std::false_type {};
template <typename... T> struct is_variant<std::variant<T...>> : std::true_type {};
template <typename T> struct is_pointer : std::false_type {};
template <typename T> struct is_pointer<std::unique_ptr<T>> : std::true_type {};
template <typename T> struct is_pointer<std::optional<T>> : std::true_type {};

} // namespace walking

/// Calls visit(node) for a node and all below it, as far as visit gives true.
template <typename Node, typename Visit> void walk(const Node &node, const Visit &visit) {
  if constexpr (walking::is_list<Node>::value) {
    for (const auto &item : node) walk(item, visit);
  } else if constexpr (walking::is_variant<Node>::value) {
    std::visit([&](const auto &form) { walk(form, visit); }, node);
  } else if constexpr (walking::is_pointer<Node>::value) {
    if (node) walk(*node, visit);
  } else if constexpr (requires { node_name(node); }) {
    if (visit(node)) visit_fields(node, [&](const char *, const auto &field) { walk(field, visit); });
  } else if constexpr (requires { node.form; }) {
    if (visit(node)) walk(node.form, visit);
  }
}

} // namespace nnc::frontend
