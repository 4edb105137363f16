// Blocks and what stands in them.

#include "frontend/parse_internal.h"
#include "frontend/parse_make.h"

namespace nnc::frontend {

Block Parser::block() {
  if (!at(TokenKind::open_brace)) fail_expected(Wanted::block);
  Block result;
  result.span = braced([&] { result.statements.push_back(statement()); });
  return result;
}

/// Whether `name =`, `name, name … =` or `name[…] =` stands here.
bool Parser::at_binding() const {
  if (!at(TokenKind::name)) return false;
  if (ahead(1).kind == TokenKind::open_bracket) {
    size_t close = ahead(1).partner;
    return tokens.list[close + 1].kind == TokenKind::assign;
  }
  size_t count = 1;
  while (ahead(count).kind == TokenKind::comma && ahead(count + 1).kind == TokenKind::name) count += 2;
  return ahead(count).kind == TokenKind::assign;
}

/// The statements that bind names; where the value cannot be parsed the names are bound nevertheless.
std::variant<BindStmt, DefineStmt> Parser::binding() {
  Identifier name = expect_name(Wanted::name);
  if (at(TokenKind::open_bracket)) {
    std::vector<IndexBinder> binders = indices();
    take();
    return DefineStmt{std::move(name), std::move(binders), last_expression()};
  }
  BindStmt bind;
  bind.names.push_back(std::move(name));
  while (take_if(TokenKind::comma)) bind.names.push_back(expect_name(Wanted::name));
  take();
  bind.value = last_expression();
  return bind;
}

Stmt Parser::statement() {
  size_t first = position;
  auto done = [&](auto form) { return Stmt{since(first), std::move(form)}; };
  if (at_binding()) return std::visit([&](auto form) { return done(std::move(form)); }, binding());
  if (at(TokenKind::name) && ahead(1).kind == TokenKind::update) {
    Identifier name = expect_name(Wanted::name);
    take();
    ExprPtr value = last_expression();
    return done(UpdateStmt{std::move(name), std::move(value)});
  }
  if (take_if(TokenKind::kw_yield)) {
    YieldStmt yield;
    do yield.values.push_back(expression());
    while (take_if(TokenKind::comma));
    return done(std::move(yield));
  }
  if (at(TokenKind::kw_let) || at(TokenKind::kw_fn) || at(TokenKind::kw_else)) fail_word(Place::block, Wanted::statement);
  // Two names in a row, or a word such as `return` before a value, begin no expression.
  TokenKind next = ahead(1).kind;
  bool operand_next = next == TokenKind::name || next == TokenKind::number || next == TokenKind::string;
  bool foreign = at(TokenKind::name) && *foreign_word_advice(text_of(current()), true);
  bool alone =
      next == TokenKind::newline || next == TokenKind::close_brace || next == TokenKind::open_paren || next == TokenKind::minus;
  if (at(TokenKind::name) && (operand_next || (foreign && alone))) fail_word(Place::block, Wanted::statement);
  ExprPtr value = expression();
  if (at(TokenKind::assign)) check_target(*value);
  return done(ExprStmt{std::move(value)});
}

/// Reports an `=` behind something that is no name.
void Parser::check_target(const Expr &target) {
  auto [what, hint] = std::visit(
      [](const auto &form) -> std::pair<const char *, const char *> {
        using Form = std::decay_t<decltype(form)>;
        if constexpr (std::is_same_v<Form, TupleExpr>) return {"a tuple", "write the names without parentheses: `a, b = …`"};
        if constexpr (std::is_same_v<Form, CallExpr>)
          return {"a call", "a function is declared by `fn name(…) = …`, outside of blocks"};
        if constexpr (std::is_same_v<Form, MemberExpr>)
          return {"a member", "a model's members are bound inside the model; a state is updated by `name <- …`"};
        return {"an expression", "`=` binds a name; `==` compares"};
      },
      target.form);
  report_here(DiagnosticKind::assignment_target, what).label(target.span, "").note(hint);
  throw Recover{};
}

} // namespace nnc::frontend
