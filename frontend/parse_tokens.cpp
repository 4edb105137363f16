// The parser's cursor, what it reports, and how it finds back.

#include "frontend/parse_internal.h"
#include "frontend/parser.h"

#include <algorithm>

namespace nnc::frontend {

Parser::Nested::Nested(Parser &p) : parser(p) {
  if (++parser.nesting <= max_nesting) return;
  --parser.nesting;
  parser.report_here(DiagnosticKind::nesting_too_deep, max_nesting).note("give inner parts names of their own");
  throw Recover{};
}

Token Parser::expect(TokenKind kind, Wanted wanted) {
  if (!at(kind)) fail_expected(wanted);
  return take();
}

Identifier Parser::expect_name(Wanted wanted) {
  Token token = expect(TokenKind::name, wanted);
  return {text_of(token), span_of(token)};
}

/// A newline is shown at the end of its line, and the end of the file where its last line ends.
Span Parser::here() const {
  const Token &token = current();
  if (token.kind == TokenKind::newline) return {file_number, token.begin, token.begin};
  if (token.kind == TokenKind::end) {
    uint32_t last = position > 0 ? tokens.list[position - 1].end : 0;
    if (position > 0 && tokens.list[position - 1].kind == TokenKind::newline) last = tokens.list[position - 1].begin;
    return {file_number, last, last};
  }
  return span_of(token);
}

Span Parser::since(size_t first) const {
  const Token &last = tokens.list[std::max(position, first + 1) - 1];
  return {file_number, tokens.list[first].begin, std::max(last.end, tokens.list[first].begin)};
}

bool Parser::statement_ended() const {
  switch (current().kind) {
  case TokenKind::newline:
  case TokenKind::close_brace:
  case TokenKind::end: return true;
  case TokenKind::kw_else: return false;
  default: return position > 0 && tokens.list[position - 1].kind == TokenKind::close_brace;
  }
}

void Parser::expect_statement_end() {
  if (statement_ended()) return;
  if (at(TokenKind::kw_else)) {
    report_here(DiagnosticKind::else_without_if).note("a choice is `if condition { … } else { … }`");
    throw Recover{};
  }
  fail_expected(Wanted::statement_end);
}

void Parser::skip_newlines() {
  while (at(TokenKind::newline)) take();
}

/// Whether the lexer has reported what stands here or directly in front.
bool Parser::reported_already() const {
  auto bad = [](const Token &token) { return token.kind == TokenKind::invalid || token.made_up; };
  return bad(current()) || (position > 0 && bad(tokens.list[position - 1]));
}

std::string Parser::found() const {
  constexpr size_t longest = 40;
  const Token &token = current();
  switch (token.kind) {
  case TokenKind::end: return spelling(token.kind);
  case TokenKind::newline: return sources.text(span_of(token)) == ";" ? "`;`" : spelling(token.kind);
  case TokenKind::string: return "a string";
  default: break;
  }
  std::string_view written = sources.text(span_of(token));
  return written.size() > longest ? "a long " + std::string(token.kind == TokenKind::name ? "name" : "number")
                                  : fmt::format("`{}`", written);
}

void Parser::fail_expected(Wanted wanted) {
  if (reported_already()) throw Recover{};
  bool name_wanted =
      wanted == Wanted::name || wanted == Wanted::index_name || wanted == Wanted::member_name || wanted == Wanted::formals;
  Diagnostic &diagnostic = report_here(DiagnosticKind::expected, description(wanted), found());
  TokenKind before = position > 0 ? tokens.list[position - 1].kind : TokenKind::newline;
  std::string_view text = advice(wanted, current().kind, before);
  bool reserved = current().kind >= TokenKind::kw_let && current().kind <= TokenKind::kw_false;
  if (!text.empty())
    diagnostic.note(std::string(text));
  else if (name_wanted && reserved)
    diagnostic.note(fmt::format("{} is a word of the language and cannot be a name", found()));
  throw Recover{};
}

/// For a word that cannot begin a line here: says where it belongs, what it is called here, or which one is near.
void Parser::fail_word(Place place, Wanted wanted) {
  if (reported_already()) throw Recover{};
  std::string word(sources.text(span_of(current())));
  std::string_view foreign = foreign_word_advice(word);
  bool can_be_word = at(TokenKind::name) || (current().kind >= TokenKind::kw_let && current().kind <= TokenKind::kw_false);
  if (at(TokenKind::kw_else)) {
    report_here(DiagnosticKind::else_without_if).note("a choice is `if condition { … } else { … }`");
  } else if (!can_be_word) {
    fail_expected(wanted);
  } else if (std::string home = home_of(word, place); !home.empty()) {
    Diagnostic &diagnostic = report_here(DiagnosticKind::misplaced_word, word, home);
    if (at(TokenKind::kw_let)) diagnostic.note("elsewhere a name is bound by `name = …` alone");
  } else if (!foreign.empty()) {
    report_here(DiagnosticKind::foreign_word, word, foreign);
  } else {
    if (word.size() > 40) fail_expected(wanted);
    Diagnostic &diagnostic = report_here(DiagnosticKind::unknown_word, description(wanted), word);
    std::string near = nearest_name(word, words_of(place));
    if (place == Place::file && ahead(1).kind == TokenKind::assign)
      diagnostic.note(fmt::format("a constant is `let {} = …`", word));
    else if (!near.empty())
      diagnostic.note(fmt::format("did you mean `{}`?", near));
    else if (place == Place::file)
      diagnostic.note("a file has `import`, `let`, `fn`, `adjoint`, `model`, `data`, `optimizer` and `train`");
  }
  throw Recover{};
}

/// Skips whole brackets up to `limit`, or to a comma before it.
void Parser::skip_to(size_t limit, bool at_commas) {
  while (position < limit && !(at_commas && at(TokenKind::comma)))
    position = is_opening(current().kind) ? current().partner + 1 : position + 1;
  position = std::min(position, limit);
}

void Parser::skip_statement() {
  while (!at(TokenKind::newline) && !at(TokenKind::close_brace) && !at(TokenKind::end))
    position = is_opening(current().kind) ? current().partner + 1 : position + 1;
}

/// The text of the `##` lines that end directly above the line on which `token` stands.
std::string Parser::doc_above(size_t token) const {
  std::string_view text = sources.file(file_number).text();
  uint32_t below = tokens.list[token].begin;
  auto after = std::lower_bound(tokens.comments.begin(), tokens.comments.end(), below,
                                [](const Comment &c, uint32_t at) { return c.begin < at; });
  auto first = after;
  while (first != tokens.comments.begin()) {
    const Comment &comment = *(first - 1);
    std::string_view between = text.substr(comment.end, below - comment.end);
    bool directly =
        between.find_first_not_of(" \t\r\n") == std::string_view::npos && std::count(between.begin(), between.end(), '\n') <= 1;
    if (!comment.doc || !comment.own_line || !directly) break;
    below = comment.begin;
    --first;
  }
  std::string doc;
  for (; first != after; ++first) {
    std::string_view line = text.substr(first->begin, first->end - first->begin);
    line.remove_prefix(std::min(line.find_first_not_of('#'), line.size()));
    if (line.starts_with(' ')) line.remove_prefix(1);
    doc += fmt::format("{}{}", doc.empty() ? "" : "\n", line.substr(0, line.find_last_not_of(" \t") + 1));
  }
  return doc;
}

} // namespace nnc::frontend
