// What operators stand between: literals, names, brackets, loops, choices, reductions.

#include "frontend/parse_internal.h"
#include "frontend/parse_make.h"

namespace nnc::frontend {
namespace {

constexpr std::pair<std::string_view, ReduceKind> reductions[] = {{"sum", ReduceKind::sum},
                                                                  {"mean", ReduceKind::mean},
                                                                  {"max", ReduceKind::max},
                                                                  {"min", ReduceKind::min},
                                                                  {"prod", ReduceKind::prod}};

std::optional<ReduceKind> reduce_kind(std::string_view name) {
  for (auto [word, kind] : reductions)
    if (name == word) return kind;
  return {};
}

} // namespace

ExprPtr Parser::primary() {
  const Token &token = current();
  Span span = here();
  switch (token.kind) {
  case TokenKind::number: take(); return make(span, NumberExpr{text_of(token), token.percent});
  case TokenKind::string: take(); return make(span, StringExpr{text_of(token)});
  case TokenKind::kw_true: take(); return make(span, BoolExpr{true});
  case TokenKind::kw_false: take(); return make(span, BoolExpr{false});
  case TokenKind::name: take(); return make(span, NameExpr{text_of(token)});
  case TokenKind::invalid: take(); return make(span, ErrorExpr{});
  case TokenKind::open_paren: return parenthesised();
  case TokenKind::open_bracket: return list();
  case TokenKind::kw_for: return for_loop();
  case TokenKind::kw_if: return choice();
  default: fail_expected(Wanted::expression);
  }
}

std::vector<ExprPtr> Parser::expressions(Wanted separator) {
  std::vector<ExprPtr> items;
  bracketed(separator, [&] { items.push_back(expression()); }, [&] { items.push_back(error_expression()); });
  return items;
}

/// `(a)` is a, whose span then includes the parentheses; `(a, b)` is a tuple.
ExprPtr Parser::parenthesised() {
  size_t first = position;
  if (ahead(1).kind == TokenKind::close_paren) {
    take();
    fail_expected(Wanted::expression);
  }
  std::vector<ExprPtr> items = expressions(Wanted::comma_or_paren);
  if (items.size() != 1) return make(since(first), TupleExpr{std::move(items)});
  items.front()->span = since(first);
  return std::move(items.front());
}

/// `[a, b]`, or `[e for v in xs]`.
ExprPtr Parser::list() {
  size_t first = position;
  std::vector<ExprPtr> items;
  std::optional<ComprehensionExpr> comprehension;
  bracketed(
      Wanted::comma_or_bracket,
      [&] {
        ExprPtr item = expression();
        if (items.empty() && !comprehension && take_if(TokenKind::kw_for)) {
          ComprehensionExpr found{std::move(item), expect_name(Wanted::name), nullptr, {}};
          loop_source(found.source, found.range);
          comprehension = std::move(found);
          if (!at(TokenKind::close_bracket)) fail_expected(Wanted::close_bracket);
        } else {
          items.push_back(std::move(item));
        }
      },
      [&] { items.push_back(error_expression()); });
  if (comprehension && items.empty()) return make(since(first), std::move(*comprehension));
  return make(since(first), ListExpr{std::move(items)});
}

void Parser::loop_source(ExprPtr &source, std::optional<Range> &range) {
  expect(TokenKind::kw_in, Wanted::in);
  source = expression();
  if (!take_if(TokenKind::range)) return;
  ExprPtr high = expression();
  range = Range{std::move(source), std::move(high)};
}

ExprPtr Parser::for_loop() {
  size_t first = position;
  take();
  ForExpr loop{expect_name(Wanted::name), nullptr, {}, nullptr};
  loop_source(loop.source, loop.range);
  loop.body = std::make_unique<Block>(block());
  return make(since(first), std::move(loop));
}

/// `if c { … } else { … }`; `else primary` is a block of one expression.
ExprPtr Parser::choice() {
  Nested nested(*this);
  size_t first = position;
  take();
  IfExpr result;
  result.condition = expression();
  result.then_block = std::make_unique<Block>(block());
  if (take_if(TokenKind::kw_else)) {
    Block otherwise;
    if (at(TokenKind::open_brace)) {
      otherwise = block();
    } else {
      if (at(TokenKind::colon)) fail_expected(Wanted::block);
      ExprPtr value = primary();
      otherwise.span = value->span;
      otherwise.statements.push_back({otherwise.span, ExprStmt{std::move(value)}});
    }
    result.else_block = std::make_unique<Block>(std::move(otherwise));
  }
  return make(since(first), std::move(result));
}

bool Parser::at_reduction() const {
  return at(TokenKind::name) && ahead(1).kind == TokenKind::open_bracket && reduce_kind(text_of(current()));
}

/// `sum[i, j in 0..n] product`
ExprPtr Parser::reduction() {
  size_t first = position;
  ReduceKind kind = *reduce_kind(text_of(take()));
  std::vector<IndexBinder> binders = indices();
  ExprPtr reduced = product();
  return make(since(first), ReduceExpr{kind, std::move(binders), std::move(reduced)});
}

std::vector<IndexBinder> Parser::indices() {
  std::vector<IndexBinder> binders;
  if (ahead(1).kind == TokenKind::close_bracket) {
    take();
    fail_expected(Wanted::index_name);
  }
  bracketed(Wanted::comma_or_bracket, [&] { binders.push_back(index_binder()); }, [] {});
  return binders;
}

IndexBinder Parser::index_binder() {
  IndexBinder binder{expect_name(Wanted::index_name), {}};
  if (!take_if(TokenKind::kw_in)) return binder;
  ExprPtr low = expression();
  expect(TokenKind::range, Wanted::range);
  ExprPtr high = expression();
  binder.range = Range{std::move(low), std::move(high)};
  return binder;
}

} // namespace nnc::frontend
