// Types, functions, and the declarations of a file that are neither models nor training.

#include "frontend/parse_internal.h"
#include "frontend/parse_make.h"

namespace nnc::frontend {

/// `real[n, 3]`, `index(10)[t]`, `(real, real[n])`; `(real)` is real.
TypeExpr Parser::type() {
  Nested nested(*this);
  size_t first = position;
  TypeExpr result;
  if (at(TokenKind::open_paren) && ahead(1).kind != TokenKind::close_paren) {
    bracketed(Wanted::comma_or_paren, [&] { result.items.push_back(type()); }, [] {});
    if (result.items.size() == 1) {
      TypeExpr only = std::move(result.items.front());
      result = std::move(only);
    }
  } else {
    result.name = expect_name(Wanted::type);
    if (take_if(TokenKind::open_paren)) {
      result.argument = expression();
      expect(TokenKind::close_paren, Wanted::close_paren);
    }
    if (at(TokenKind::open_bracket)) {
      if (ahead(1).kind == TokenKind::close_bracket) {
        take();
        fail_expected(Wanted::expression);
      }
      result.has_dims = true;
      result.dims = expressions(Wanted::comma_or_bracket);
    }
  }
  result.span = since(first);
  return result;
}

std::optional<TypeExpr> Parser::type_if_any() {
  if (!take_if(TokenKind::colon)) return {};
  return type();
}

Formal Parser::formal() {
  Formal result{expect_name(Wanted::name), type_if_any(), nullptr};
  if (take_if(TokenKind::assign)) result.default_value = expression();
  return result;
}

std::vector<Formal> Parser::formals() {
  std::vector<Formal> result;
  if (!at(TokenKind::open_paren)) fail_expected(Wanted::formals);
  bracketed(Wanted::comma_or_paren, [&] { result.push_back(formal()); }, [] {});
  return result;
}

Function Parser::function() {
  size_t first = position;
  Function result;
  result.doc = doc_above(first);
  result.is_adjoint = take().kind == TokenKind::name;
  if (at(TokenKind::name)) result.name = expect_name(Wanted::name);
  result.formals = formals();
  if (take_if(TokenKind::arrow)) result.result = type();
  result.body = body();
  result.span = since(first);
  return result;
}

/// `= expr`, a block of that one expression, or `{ … }`.
Block Parser::body() {
  if (at(TokenKind::open_brace)) return block();
  expect(TokenKind::assign, Wanted::body);
  Block result;
  ExprPtr value = last_expression();
  result.span = value->span;
  result.statements.push_back({result.span, ExprStmt{std::move(value)}});
  return result;
}

State Parser::state() {
  size_t first = position;
  State result;
  result.doc = doc_above(first);
  take();
  result.name = expect_name(Wanted::name);
  result.type = type_if_any();
  expect(TokenKind::assign, Wanted::value);
  result.value = last_expression();
  result.span = since(first);
  return result;
}

Let Parser::let_item() {
  size_t first = position;
  std::string doc = doc_above(first);
  take();
  Identifier name = expect_name(Wanted::name);
  expect(TokenKind::assign, Wanted::value);
  ExprPtr value = last_expression();
  return {since(first), std::move(name), std::move(value), std::move(doc)};
}

Import Parser::import_item() {
  size_t first = position;
  take();
  Token path = expect(TokenKind::string, Wanted::import_path);
  return {since(first), text_of(path), span_of(path)};
}

Data Parser::data_item() {
  size_t first = position;
  Data result;
  result.doc = doc_above(first);
  take();
  result.name = expect_name(Wanted::name);
  if (!at(TokenKind::open_brace)) fail_expected(Wanted::block);
  braced([&] {
    size_t start = position;
    TokenKind next = ahead(1).kind;
    if (!at(TokenKind::name) || (next != TokenKind::colon && next != TokenKind::assign))
      fail_word(Place::data, Wanted::data_entry);
    DataEntry entry{{}, expect_name(Wanted::name), type_if_any(), nullptr};
    expect(TokenKind::assign, Wanted::value);
    entry.value = last_expression();
    entry.span = since(start);
    result.entries.push_back(std::move(entry));
  });
  result.span = since(first);
  return result;
}

Optimizer Parser::optimizer_item() {
  size_t first = position;
  Optimizer result;
  result.doc = doc_above(first);
  take();
  result.name = expect_name(Wanted::name);
  result.formals = formals();
  if (!at(TokenKind::open_brace)) fail_expected(Wanted::block);
  braced([&] {
    if (at_state())
      result.body.emplace_back(state());
    else
      result.body.emplace_back(statement());
  });
  result.span = since(first);
  return result;
}

} // namespace nnc::frontend
