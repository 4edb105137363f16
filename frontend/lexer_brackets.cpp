// Pairs the brackets of a file. Where they do not balance, the indentation tells which one has been forgotten: a line that
// stands no deeper than the line of an open bracket, whose content stood deeper, is outside of it.

#include "frontend/lexer.h"

#include <algorithm>

namespace nnc::frontend {
namespace {

/// Whether every bracket closes the last one opened.
bool balanced(const std::vector<Token> &tokens) {
  std::vector<TokenKind> open;
  for (const Token &token : tokens) {
    if (is_opening(token.kind)) open.push_back(token.kind);
    if (!is_closing(token.kind)) continue;
    if (open.empty() || open.back() != partner_of(token.kind)) return false;
    open.pop_back();
  }
  return open.empty();
}

class Repair {
public:
  Repair(const std::vector<Token> &tokens, const SourceMap &sources, uint32_t file, Diagnostics &diagnostics)
      : tokens(tokens), source(sources.file(file)), file(file), diagnostics(diagnostics) {}

  std::vector<Token> run() {
    for (at = 0; at < tokens.size(); ++at) {
      const Token &token = tokens[at];
      bool new_line = at > 0 && tokens[at - 1].kind == TokenKind::newline;
      if (new_line || at == 0) begin_line(token);
      if (token.kind == TokenKind::end) close_missing(0, token);
      if (is_closing(token.kind)) {
        close(token);
        continue;
      }
      if (is_opening(token.kind)) open.push_back({token, line_indent, false});
      out.push_back(token);
    }
    return std::move(out);
  }

private:
  struct Open {
    Token token;
    uint32_t indent; // of the line on which it stands
    bool deeper;     // the line below stands deeper
  };

  void begin_line(const Token &token) {
    uint32_t line_start = at == 0 ? 0 : tokens[at - 1].end;
    line_indent = token.begin - line_start;
    bool opened_above = at >= 2 && !open.empty() && open.back().token.begin == tokens[at - 2].begin;
    if (opened_above) open.back().deeper = line_indent > open.back().indent;
    if (token.kind == TokenKind::pipe || token.kind == TokenKind::kw_else || token.kind == TokenKind::end) return;
    bool closing = is_closing(token.kind);
    size_t kept = open.size();
    while (kept > 0 && outside(open[kept - 1], closing)) --kept;
    bool opened_further_out = kept > 0 && open[kept - 1].token.kind == partner_of(token.kind);
    if (!closing || opened_further_out) close_missing(kept, token);
  }

  /// Whether the line that begins here, with a closing bracket or without, stands outside of an open bracket.
  bool outside(const Open &bracket, bool closing) const {
    if (line_indent > bracket.indent || (closing && line_indent == bracket.indent)) return false;
    if (bracket.token.kind == TokenKind::open_brace) return bracket.deeper;
    TokenKind before = tokens[at - 2].kind; // in front of the newline
    return !line_goes_on_after(before) && !is_opening(before);
  }

  /// A closing bracket of the text: ends the nearest open one of its kind, except that `)` and `]` do not reach out of a block.
  void close(Token token) {
    size_t depth = open.size();
    while (depth > 0 && open[depth - 1].token.kind != partner_of(token.kind) &&
           (token.kind == TokenKind::close_brace || open[depth - 1].token.kind != TokenKind::open_brace))
      --depth;
    bool found = depth > 0 && open[depth - 1].token.kind == partner_of(token.kind);
    if (found) {
      close_missing(depth, token);
    } else if (!open.empty() && open.back().token.kind != TokenKind::open_brace && token.kind != TokenKind::close_brace) {
      const Token &opening = open.back().token;
      diagnostics.report(DiagnosticKind::mismatched_bracket, span(token), spelling(token.kind), spelling(opening.kind))
          .label(span(opening), "opened here");
      token.kind = partner_of(opening.kind);
    } else {
      diagnostics.report(DiagnosticKind::unopened_bracket, span(token), spelling(token.kind));
      return;
    }
    open.pop_back();
    out.push_back(token);
  }

  /// Closes the open brackets beyond the first `kept` in front of `before`, and reports the innermost one.
  void close_missing(size_t kept, const Token &before) {
    if (open.size() <= kept) return;
    const Token &innermost = open.back().token;
    Diagnostic &found = diagnostics.report(DiagnosticKind::unclosed_bracket, span(innermost), spelling(innermost.kind),
                                           spelling(partner_of(innermost.kind)));
    bool at_end = before.kind == TokenKind::end;
    found.label(span(before), at_end ? "the file ends here" : "expected before this");
    if (open.size() - kept > 1) found.note(fmt::format("{} brackets are open here", open.size() - kept));
    bool had_newline = !out.empty() && out.back().kind == TokenKind::newline;
    Token newline = had_newline ? out.back() : Token{};
    if (had_newline) out.pop_back();
    uint32_t place = out.empty() ? 0 : out.back().end;
    for (; open.size() > kept; open.pop_back()) {
      Token closing{partner_of(open.back().token.kind), false, true, place, place, 0, 0};
      out.push_back(closing);
    }
    if (had_newline) out.push_back(newline);
  }

  Span span(const Token &token) const {
    // The end of the file is shown where its last line ends.
    uint32_t last = static_cast<uint32_t>(source.text().find_last_not_of(" \t\r\n") + 1);
    if (token.kind == TokenKind::end) return {file, std::min(token.begin, last), std::min(token.begin, last)};
    return {file, token.begin, token.end};
  }

  const std::vector<Token> &tokens;
  const SourceFile &source;
  uint32_t file;
  Diagnostics &diagnostics;
  std::vector<Token> out;
  std::vector<Open> open;
  size_t at = 0;
  uint32_t line_indent = 0;
};

/// Writes into each bracket the index of its partner.
void link_partners(std::vector<Token> &tokens) {
  std::vector<uint32_t> open;
  for (uint32_t i = 0; i < tokens.size(); ++i) {
    if (is_opening(tokens[i].kind)) open.push_back(i);
    if (!is_closing(tokens[i].kind)) continue;
    tokens[i].partner = open.back();
    tokens[open.back()].partner = i;
    open.pop_back();
  }
}

} // namespace

void match_brackets(std::vector<Token> &tokens, const SourceMap &sources, uint32_t file, Diagnostics &diagnostics) {
  if (!balanced(tokens)) tokens = Repair(tokens, sources, file, diagnostics).run();
}

void remove_inner_newlines(std::vector<Token> &tokens) {
  std::vector<Token> kept;
  kept.reserve(tokens.size());
  std::vector<TokenKind> open;
  for (size_t i = 0; i < tokens.size(); ++i) {
    Token token = tokens[i];
    if (is_opening(token.kind)) open.push_back(token.kind);
    if (is_closing(token.kind)) open.pop_back();
    bool inner = !open.empty() && open.back() != TokenKind::open_brace;
    if (token.kind == TokenKind::newline) {
      TokenKind next = tokens[i + 1].kind;
      bool begins_declaration = next == TokenKind::kw_let || next == TokenKind::kw_fn || next == TokenKind::kw_yield;
      bool goes_on = !kept.empty() && line_goes_on_after(kept.back().kind) && !begins_declaration;
      if (inner || goes_on || next == TokenKind::pipe || next == TokenKind::kw_else) continue;
    }
    if (token.kind == TokenKind::semicolon && !inner) token.kind = TokenKind::newline;
    bool again = token.kind == TokenKind::newline && !kept.empty() && kept.back().kind == TokenKind::newline;
    if (!again) kept.push_back(token);
  }
  tokens = std::move(kept);
  link_partners(tokens);
}

} // namespace nnc::frontend
