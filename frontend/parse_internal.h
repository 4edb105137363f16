#pragma once
// The recursive-descent parser. A method parses one form of the grammar and leaves the next token behind it; where that fails
// it reports, throws Recover, and the nearest list (of arguments, statements, members, items) skips to its next element.
// Brackets are balanced before parsing begins, so that skipping never leaves the list that it is in.

#include "frontend/ast.h"
#include "frontend/lexer.h"
#include "frontend/parse_words.h"

#include <string_view>

namespace nnc::frontend {

/// Thrown after a report.
struct Recover {};

class Parser {
public:
  Parser(const Tokens &tokens, const SourceMap &sources, uint32_t file, Diagnostics &diagnostics)
      : tokens(tokens), sources(sources), file_number(file), diagnostics(diagnostics) {}

  File file();

private:
  // Tokens (parse_tokens.cpp).
  const Token &current() const { return tokens.list[position]; }
  const Token &ahead(size_t count) const { return tokens.list[std::min(position + count, tokens.list.size() - 1)]; }
  bool at(TokenKind kind) const { return current().kind == kind; }
  /// Whether the current token is the name `word`: words such as `model` or `over` are names elsewhere.
  bool at_word(std::string_view word) const { return at(TokenKind::name) && text_of(current()) == word; }
  const std::string &text_of(const Token &token) const { return tokens.texts[token.text]; }
  const Token &take() { return tokens.list[at(TokenKind::end) ? position : position++]; }
  bool take_if(TokenKind kind) { return at(kind) && (take(), true); }
  bool take_word(std::string_view word) { return at_word(word) && (take(), true); }
  Token expect(TokenKind kind, Wanted wanted);
  Identifier expect_name(Wanted wanted);
  Span span_of(const Token &token) const { return {file_number, token.begin, token.end}; }
  Span here() const;
  /// From the token at index `first` to the last one taken.
  Span since(size_t first) const;
  bool statement_ended() const;
  void expect_statement_end();
  void skip_newlines();

  // Reports and recovery (parse_tokens.cpp).
  [[noreturn]] void fail_expected(Wanted wanted);
  template <typename... Arguments> Diagnostic &report_here(DiagnosticKind kind, Arguments &&...arguments);
  [[noreturn]] void fail_word(Place place, Wanted wanted);
  bool reported_already() const;
  std::string found() const;
  void skip_to(size_t limit, bool at_commas);
  void skip_statement();
  std::string doc_above(size_t token) const;
  struct Nested;

  /// `( element, … )` of any brackets, the current token being the opening one. An element that fails is skipped after `failed()`.
  template <typename Element, typename Failed> void bracketed(Wanted separator, Element element, Failed failed);
  /// `{ element … }` with newlines between.
  template <typename Element> Span braced(Element element);
  /// One element of such a list: where it fails, the rest of its line is skipped.
  template <typename Element> void guarded(Element element);

  // Expressions (parse_expressions.cpp, parse_primary.cpp).
  using Operand = ExprPtr (Parser::*)();
  template <typename Form> ExprPtr make(Span span, Form form);
  ExprPtr error_expression();
  ExprPtr expression();
  /// An expression that ends its statement; where it fails an ErrorExpr stands for it.
  ExprPtr last_expression();
  ExprPtr left_chain(int level, Operand operand);
  ExprPtr conjunction();
  ExprPtr negation();
  ExprPtr comparison();
  ExprPtr pipe();
  ExprPtr sum();
  ExprPtr product();
  ExprPtr unary();
  ExprPtr power();
  ExprPtr postfix();
  ExprPtr call(ExprPtr callee, size_t first);
  ExprPtr subscripted(ExprPtr base, size_t first);
  ExprPtr primary();
  ExprPtr parenthesised();
  ExprPtr list();
  ExprPtr for_loop();
  ExprPtr choice();
  ExprPtr reduction();
  bool at_reduction() const;
  PipeStage stage();
  ExprPtr stage_callee();
  std::vector<Argument> arguments();
  Subscript subscript();
  std::vector<ExprPtr> expressions(Wanted separator);
  /// `in expr [.. expr]`: what a loop runs over.
  void loop_source(ExprPtr &source, std::optional<Range> &range);
  std::vector<IndexBinder> indices();
  IndexBinder index_binder();

  // Statements (parse_statements.cpp).
  Block block();
  Stmt statement();
  bool at_binding() const;
  std::variant<BindStmt, DefineStmt> binding();
  void check_target(const Expr &target);

  // Types and declarations (parse_declarations.cpp).
  TypeExpr type();
  std::optional<TypeExpr> type_if_any();
  Formal formal();
  std::vector<Formal> formals();
  Function function();
  State state();
  Item item();
  Let let_item();
  Import import_item();
  Data data_item();
  Optimizer optimizer_item();
  Block body();

  // Models (parse_model.cpp).
  Model model_item();
  std::vector<Member> members();
  Member member();
  Param param();
  MemberIf member_if();
  MemberBind member_bind();
  bool at_state() const { return at_word("state") && ahead(1).kind == TokenKind::name; }
  bool at_adjoint() const { return at_word("adjoint") && ahead(1).kind == TokenKind::name; }

  // Training (parse_train.cpp).
  Train train_item();
  Clause clause();
  decltype(Clause::form) clause_form(ClauseWord word);
  DataClause data_clause();
  ValidateClause validate_clause();
  MinimizeClause minimize_clause();
  LoadClause load_clause();
  ShuffleClause shuffle_clause();
  OptimizerCall optimizer_call();
  std::vector<Path> paths();
  std::vector<Path> paths_after(std::string_view word);
  Path path();
  PathPart path_part();

  const Tokens &tokens;
  const SourceMap &sources;
  uint32_t file_number;
  Diagnostics &diagnostics;
  size_t position = 0;
  int nesting = 0;
};

/// Counts one level while it lives.
struct Parser::Nested {
  explicit Nested(Parser &parser);
  ~Nested() { --parser.nesting; }
  Nested(const Nested &) = delete;
  Nested &operator=(const Nested &) = delete;
  Parser &parser;
};

template <typename... Arguments> Diagnostic &Parser::report_here(DiagnosticKind kind, Arguments &&...arguments) {
  return diagnostics.report(kind, here(), std::forward<Arguments>(arguments)...);
}

template <typename Element, typename Failed> void Parser::bracketed(Wanted separator, Element element, Failed failed) {
  size_t close = current().partner;
  take();
  while (position < close) {
    try {
      element();
      // Where the closing bracket is missing, what stands behind an element may be outside of the brackets.
      if (position != close && !at(TokenKind::comma) && tokens.list[close].made_up) throw Recover{};
      if (position != close && !at(TokenKind::comma)) fail_expected(separator);
      if (at(TokenKind::comma) && position + 1 == close && !tokens.list[close].made_up) {
        take();
        fail_expected(Wanted::element);
      }
    } catch (Recover) {
      skip_to(close, true);
      failed();
    }
    if (position < close) take(); // the comma
  }
  take();
}

template <typename Element> Span Parser::braced(Element element) {
  size_t first = position, close = current().partner;
  take();
  for (skip_newlines(); position < close; skip_newlines()) guarded(element);
  take();
  return since(first);
}

template <typename Element> void Parser::guarded(Element element) {
  try {
    element();
    expect_statement_end();
  } catch (Recover) {
    skip_statement();
  }
}

} // namespace nnc::frontend
