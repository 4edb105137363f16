// Models and their members.

#include "frontend/parse_internal.h"

namespace nnc::frontend {

Model Parser::model_item() {
  size_t first = position;
  Model result;
  result.doc = doc_above(first);
  take();
  result.name = expect_name(Wanted::name);
  if (at(TokenKind::open_paren)) result.formals = formals();
  result.members = members();
  result.span = since(first);
  return result;
}

std::vector<Member> Parser::members() {
  if (!at(TokenKind::open_brace)) fail_expected(Wanted::block);
  std::vector<Member> result;
  braced([&] { result.push_back(member()); });
  return result;
}

Member Parser::member() {
  size_t first = position;
  Member result{{}, doc_above(first), MemberBind{}};
  TokenKind next = ahead(1).kind;
  if (at(TokenKind::name) && next == TokenKind::assign)
    result.form = member_bind();
  else if (at_word("param") && next == TokenKind::name)
    result.form = param();
  else if (at_state())
    result.form = state();
  else if (at(TokenKind::kw_fn) || at_adjoint())
    result.form = function();
  else if (at(TokenKind::kw_if))
    result.form = member_if();
  else
    fail_word(Place::model, Wanted::member);
  result.span = since(first);
  return result;
}

Param Parser::param() {
  take();
  Param result;
  result.name = expect_name(Wanted::name);
  expect(TokenKind::colon, Wanted::param_type);
  result.type = type();
  if (take_if(TokenKind::tilde)) {
    result.initializer = expect_name(Wanted::callee);
    if (at(TokenKind::open_paren)) result.initializer_arguments = arguments();
  } else {
    expect(TokenKind::assign, Wanted::initial_value);
    result.value = last_expression();
  }
  return result;
}

/// `if c { … } else { … }` around members; `else if` is an `else` that holds one `if`.
MemberIf Parser::member_if() {
  Nested nested(*this);
  take();
  MemberIf result;
  result.condition = expression();
  result.then_members = members();
  if (!take_if(TokenKind::kw_else)) return result;
  if (at(TokenKind::kw_if))
    result.else_members.push_back(member());
  else
    result.else_members = members();
  return result;
}

MemberBind Parser::member_bind() {
  Identifier name = expect_name(Wanted::name);
  take();
  return {std::move(name), last_expression()};
}

} // namespace nnc::frontend
