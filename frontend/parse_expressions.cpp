// Operators, from the loosest to the tightest.

#include "frontend/ast_fields.h"
#include "frontend/parse_internal.h"
#include "frontend/parse_make.h"

namespace nnc::frontend {
namespace {

enum Level { disjunctions, conjunctions, comparisons, sums, products };

struct BinaryForm {
  TokenKind token;
  int level;
  BinaryOperator op;
};
constexpr BinaryForm binary_forms[] = {
    {TokenKind::kw_or, disjunctions, BinaryOperator::logical_or},
    {TokenKind::kw_and, conjunctions, BinaryOperator::logical_and},
    {TokenKind::equal, comparisons, BinaryOperator::equal},
    {TokenKind::not_equal, comparisons, BinaryOperator::not_equal},
    {TokenKind::less, comparisons, BinaryOperator::less},
    {TokenKind::less_equal, comparisons, BinaryOperator::less_equal},
    {TokenKind::greater, comparisons, BinaryOperator::greater},
    {TokenKind::greater_equal, comparisons, BinaryOperator::greater_equal},
    {TokenKind::plus, sums, BinaryOperator::add},
    {TokenKind::minus, sums, BinaryOperator::subtract},
    {TokenKind::star, products, BinaryOperator::multiply},
    {TokenKind::slash, products, BinaryOperator::divide},
    {TokenKind::at, products, BinaryOperator::matmul},
};

const BinaryForm *binary_form(TokenKind token, int level) {
  for (const BinaryForm &form : binary_forms)
    if (form.token == token && form.level == level) return &form;
  return nullptr;
}

} // namespace

ExprPtr Parser::error_expression() { return make(here(), ErrorExpr{}); }

ExprPtr Parser::expression() { return left_chain(disjunctions, &Parser::conjunction); }
ExprPtr Parser::conjunction() { return left_chain(conjunctions, &Parser::negation); }
ExprPtr Parser::sum() { return left_chain(sums, &Parser::product); }
ExprPtr Parser::product() { return left_chain(products, &Parser::unary); }

ExprPtr Parser::last_expression() {
  try {
    ExprPtr value = expression();
    expect_statement_end();
    return value;
  } catch (Recover) {
    ExprPtr error = error_expression();
    skip_statement();
    return error;
  }
}

/// operand {operator operand}, operators of one level, the first two operands joined first.
ExprPtr Parser::left_chain(int level, Operand operand) {
  size_t first = position;
  ExprPtr left = (this->*operand)();
  while (const BinaryForm *form = binary_form(current().kind, level)) {
    Span op = span_of(take());
    ExprPtr right = (this->*operand)();
    left = make(since(first), BinaryExpr{form->op, std::move(left), std::move(right), op});
  }
  return left;
}

ExprPtr Parser::negation() {
  if (!at(TokenKind::kw_not)) return comparison();
  Nested nested(*this);
  size_t first = position;
  Span op = span_of(take());
  ExprPtr operand = negation();
  return make(since(first), UnaryExpr{UnaryOperator::logical_not, std::move(operand), op});
}

ExprPtr Parser::comparison() {
  size_t first = position;
  ExprPtr left = pipe();
  const BinaryForm *form = binary_form(current().kind, comparisons);
  if (!form) return left;
  Span op = span_of(take());
  ExprPtr right = pipe();
  if (binary_form(current().kind, comparisons)) {
    report_here(DiagnosticKind::chained_comparison)
        .label(op, "the first one")
        .note("write `a < b and b < c`, or put one of them in parentheses");
    throw Recover{};
  }
  return make(since(first), BinaryExpr{form->op, std::move(left), std::move(right), op});
}

ExprPtr Parser::pipe() {
  size_t first = position;
  ExprPtr value = sum();
  while (take_if(TokenKind::pipe)) {
    PipeStage next = stage();
    value = make(since(first), PipeExpr{std::move(value), std::move(next)});
  }
  return value;
}

/// What stands behind `|>`: a path with arguments or without, or a list of such.
PipeStage Parser::stage() {
  Nested nested(*this);
  size_t first = position;
  PipeStage result;
  if (at(TokenKind::open_bracket)) {
    bracketed(Wanted::comma_or_bracket, [&] { result.list.push_back(stage()); }, [] {});
    if (position == first + 2) {
      --position;
      fail_expected(Wanted::stage);
    }
  } else {
    if (!at(TokenKind::name)) fail_expected(Wanted::stage);
    result.callee = stage_callee();
    result.has_arguments = at(TokenKind::open_paren);
    if (result.has_arguments) result.arguments = arguments();
  }
  result.span = since(first);
  return result;
}

/// A path: `net.blocks.3.norm`, `blocks[2]`. A part that is a number is the element of a list.
ExprPtr Parser::stage_callee() {
  size_t first = position;
  ExprPtr path = make(here(), NameExpr{text_of(current())});
  take();
  while (true) {
    if (at(TokenKind::open_bracket)) {
      path = subscripted(std::move(path), first);
    } else if (at(TokenKind::dot) && ahead(1).kind == TokenKind::number) {
      take();
      Subscript element{Subscript::Kind::at, make(here(), NumberExpr{text_of(current()), false}), {}, nullptr, here()};
      take();
      std::vector<Subscript> subscripts;
      subscripts.push_back(std::move(element));
      path = make(since(first), SubscriptExpr{std::move(path), std::move(subscripts)});
    } else if (take_if(TokenKind::dot)) {
      Identifier member = expect_name(Wanted::member_name);
      path = make(since(first), MemberExpr{std::move(path), std::move(member)});
    } else {
      return path;
    }
  }
}

/// Signs, reductions over indices and powers. Everything that nests comes by here.
ExprPtr Parser::unary() {
  Nested nested(*this);
  size_t first = position;
  if (at(TokenKind::minus)) {
    Span op = span_of(take());
    ExprPtr operand = unary();
    return make(since(first), UnaryExpr{UnaryOperator::negate, std::move(operand), op});
  }
  return at_reduction() ? reduction() : power();
}

ExprPtr Parser::power() {
  size_t first = position;
  ExprPtr base = postfix();
  if (!at(TokenKind::caret)) return base;
  Span op = span_of(take());
  ExprPtr exponent = unary();
  return make(since(first), BinaryExpr{BinaryOperator::power, std::move(base), std::move(exponent), op});
}

ExprPtr Parser::postfix() {
  size_t first = position;
  ExprPtr base = primary();
  while (true) {
    switch (current().kind) {
    case TokenKind::prime:
      take();
      base = make(since(first), TransposeExpr{std::move(base)});
      break;
    case TokenKind::open_paren: base = call(std::move(base), first); break;
    case TokenKind::open_bracket: base = subscripted(std::move(base), first); break;
    case TokenKind::dot: {
      take();
      Identifier member = expect_name(Wanted::member_name);
      base = make(since(first), MemberExpr{std::move(base), std::move(member)});
      break;
    }
    case TokenKind::dot_star:
      report_here(DiagnosticKind::star_in_expression).note("the elementwise product is `*`");
      throw Recover{};
    default: return base;
    }
  }
}

ExprPtr Parser::call(ExprPtr callee, size_t first) {
  std::vector<Argument> given = arguments();
  return make(since(first), CallExpr{std::move(callee), std::move(given)});
}

std::vector<Argument> Parser::arguments() {
  std::vector<Argument> given;
  bracketed(
      Wanted::comma_or_paren,
      [&] {
        std::optional<Identifier> name;
        if (at(TokenKind::name) && ahead(1).kind == TokenKind::assign) {
          name = expect_name(Wanted::name);
          take();
        }
        ExprPtr value = expression();
        given.push_back({std::move(name), std::move(value)});
      },
      [&] { given.push_back({std::nullopt, error_expression()}); });
  return given;
}

ExprPtr Parser::subscripted(ExprPtr base, size_t first) {
  std::vector<Subscript> subscripts;
  if (ahead(1).kind == TokenKind::close_bracket) {
    take();
    fail_expected(Wanted::expression);
  }
  bracketed(
      Wanted::comma_or_bracket, [&] { subscripts.push_back(subscript()); },
      [&] { subscripts.push_back({Subscript::Kind::at, error_expression(), {}, nullptr, here()}); });
  return make(since(first), SubscriptExpr{std::move(base), std::move(subscripts)});
}

/// `:`, `a..b`, `a..`, `..b`, `..`, each of these with `:stride`, or an expression.
Subscript Parser::subscript() {
  size_t first = position;
  Subscript result{Subscript::Kind::whole, nullptr, {}, nullptr, {}};
  auto bound_follows = [&] { return !at(TokenKind::comma) && !at(TokenKind::close_bracket) && !at(TokenKind::colon); };
  if (!take_if(TokenKind::colon)) {
    ExprPtr low = at(TokenKind::range) ? nullptr : expression();
    if (take_if(TokenKind::range)) {
      result.kind = Subscript::Kind::slice;
      result.slice.low = std::move(low);
      if (bound_follows()) result.slice.high = expression();
      if (take_if(TokenKind::colon)) result.stride = expression();
    } else {
      result.kind = Subscript::Kind::at;
      result.at = std::move(low);
    }
  }
  result.span = since(first);
  return result;
}

} // namespace nnc::frontend
