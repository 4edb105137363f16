// `train` blocks: bindings and clauses.

#include "frontend/parse_internal.h"
#include "frontend/parse_make.h"

namespace nnc::frontend {

Train Parser::train_item() {
  size_t first = position;
  Train result;
  result.doc = doc_above(first);
  take();
  if (at(TokenKind::name)) result.name = expect_name(Wanted::name);
  if (!at(TokenKind::open_brace)) fail_expected(Wanted::block);
  braced([&] { result.clauses.push_back(clause()); });
  result.span = since(first);
  return result;
}

/// A binding, or a clause; a clause's word before `=` is a name like any other.
Clause Parser::clause() {
  size_t first = position;
  if (at_binding()) return std::visit([&](auto form) { return Clause{since(first), std::move(form)}; }, binding());
  std::optional<ClauseWord> word;
  if (at(TokenKind::name)) word = clause_word(text_of(current()));
  if (!word) fail_word(Place::train, Wanted::clause);
  take();
  auto form = clause_form(*word);
  return {since(first), std::move(form)};
}

decltype(Clause::form) Parser::clause_form(ClauseWord word) {
  auto named = [&](auto result) {
    result.name = expect_name(Wanted::name);
    expect(TokenKind::assign, Wanted::value);
    result.value = last_expression();
    return result;
  };
  auto number = [&](NumberClause::What what) { return NumberClause{what, last_expression()}; };
  switch (word) {
  case ClauseWord::data: return data_clause();
  case ClauseWord::validate: return validate_clause();
  case ClauseWord::minimize: return minimize_clause();
  case ClauseWord::report: return named(ReportClause{});
  case ClauseWord::predict: return named(PredictClause{});
  case ClauseWord::using_: {
    OptimizerCall optimizer = optimizer_call();
    return UsingClause{std::move(optimizer), paths_after("over")};
  }
  case ClauseWord::clip_norm: return ClipNormClause{last_expression()};
  case ClauseWord::load: return load_clause();
  case ClauseWord::freeze: return FreezeClause{paths()};
  case ClauseWord::batch: return number(NumberClause::What::batch);
  case ClauseWord::epochs: return number(NumberClause::What::epochs);
  case ClauseWord::steps: return number(NumberClause::What::steps);
  case ClauseWord::seed: return number(NumberClause::What::seed);
  case ClauseWord::shuffle: break;
  }
  return shuffle_clause();
}

DataClause Parser::data_clause() {
  DataClause result{expect_name(Wanted::name), {}};
  if (take_word("as")) result.alias = expect_name(Wanted::name);
  return result;
}

ValidateClause Parser::validate_clause() {
  if (at(TokenKind::number)) return {primary()};
  return {expect_name(Wanted::share_or_data)};
}

MinimizeClause Parser::minimize_clause() {
  MinimizeClause result;
  result.cost = expression();
  result.over = paths_after("over");
  if (take_word("using")) result.optimizer = optimizer_call();
  if (result.optimizer && at_word("over")) {
    report_here(DiagnosticKind::misplaced_word, "over", "front of `using`");
    throw Recover{};
  }
  return result;
}

LoadClause Parser::load_clause() {
  Token file = expect(TokenKind::string, Wanted::load_path);
  return {text_of(file), span_of(file), paths_after("into")};
}

ShuffleClause Parser::shuffle_clause() {
  bool on = at_word("on");
  if (!on && !at_word("off")) fail_expected(Wanted::on_or_off);
  take();
  return {on};
}

OptimizerCall Parser::optimizer_call() {
  size_t first = position;
  OptimizerCall result;
  result.name = expect_name(Wanted::callee);
  if (at(TokenKind::open_paren)) result.arguments = arguments();
  result.span = since(first);
  return result;
}

std::vector<Path> Parser::paths_after(std::string_view word) { return take_word(word) ? paths() : std::vector<Path>(); }

std::vector<Path> Parser::paths() {
  std::vector<Path> result;
  do result.push_back(path());
  while (take_if(TokenKind::comma));
  return result;
}

Path Parser::path() {
  size_t first = position;
  Path result;
  result.parts.push_back({PathPart::Kind::name, expect_name(Wanted::name), nullptr});
  while (at(TokenKind::dot) || at(TokenKind::dot_star) || at(TokenKind::open_bracket)) result.parts.push_back(path_part());
  result.span = since(first);
  return result;
}

PathPart Parser::path_part() {
  if (take_if(TokenKind::open_bracket)) {
    ExprPtr subscript = expression();
    expect(TokenKind::close_bracket, Wanted::close_bracket);
    return {PathPart::Kind::subscript, {}, std::move(subscript)};
  }
  if (take().kind == TokenKind::dot_star) return {PathPart::Kind::any, {}, nullptr};
  if (at(TokenKind::name)) return {PathPart::Kind::name, expect_name(Wanted::name), nullptr};
  Token number = expect(TokenKind::number, Wanted::path_part);
  return {PathPart::Kind::number, {text_of(number), span_of(number)}, nullptr};
}

} // namespace nnc::frontend
