// What nothing has called cannot be elaborated where its types depend on a call; its names can be looked up all the same. The branches of `if`
// are left out: one that is not taken is only parsed.

#include "frontend/ast_walk.h"
#include "frontend/elaborator.h"

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;

/// Every name that something below `node` binds, and those in the types of parameters, which may be dimension variables.
template <typename Node> void collect_bound(const Node &node, std::set<std::string> &names) {
  walk(node, [&](const auto &part) {
    using Part = std::decay_t<decltype(part)>;
    if constexpr (std::is_same_v<Part, BindStmt>)
      for (const Identifier &name : part.names) names.insert(name.name);
    else if constexpr (std::is_same_v<Part, ForExpr> || std::is_same_v<Part, ComprehensionExpr>)
      names.insert(part.variable.name);
    else if constexpr (std::is_same_v<Part, DefineStmt> || std::is_same_v<Part, IndexBinder> || std::is_same_v<Part, Formal> ||
                       std::is_same_v<Part, Param> || std::is_same_v<Part, State> || std::is_same_v<Part, MemberBind> ||
                       std::is_same_v<Part, Function>)
      names.insert(part.name.name);
    return true;
  });
  walk(node, [&](const auto &part) {
    if constexpr (std::is_same_v<std::decay_t<decltype(part)>, Formal>)
      walk(part.type, [&](const auto &inner) {
        if constexpr (std::is_same_v<std::decay_t<decltype(inner)>, NameExpr>) names.insert(inner.name);
        return true;
      });
    return true;
  });
}

template <typename Node, typename Report>
void check_names(const Node &node, const std::set<std::string> &bound, const Report &unknown) {
  walk(node, [&](const auto &part) {
    using Part = std::decay_t<decltype(part)>;
    if constexpr (std::is_same_v<Part, Expr>) {
      const auto *name = std::get_if<NameExpr>(&part.form);
      if (name && !bound.contains(name->name)) unknown(name->name, part.span);
    }
    return !std::is_same_v<Part, IfExpr> && !std::is_same_v<Part, MemberIf>;
  });
}

} // namespace

template <typename Node> void Elaborator::check_unused(const Node &node, const FileScope &file) {
  std::set<std::string> bound = {"self"};
  collect_bound(node, bound);
  Scope scope(&file);
  Activation activation;
  const Context context{constant_frame_.get(), &scope, &activation, {}, nullptr};
  const std::vector<std::string> reach = names_in_reach(context);
  bound.insert(reach.begin(), reach.end());
  const std::vector<std::string> candidates(bound.begin(), bound.end());
  check_names(node, bound, [&](const std::string &name, Span span) {
    Diagnostic &diagnostic = diagnostics_.report(K::unknown_name, span, name);
    if (const std::string near = nearest_name(name, candidates); !near.empty())
      diagnostic.note(fmt::format("did you mean `{}`?", near));
  });
}

template void Elaborator::check_unused(const Function &, const FileScope &);
template void Elaborator::check_unused(const Model &, const FileScope &);

} // namespace nnc::frontend
