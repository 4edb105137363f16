#include "frontend/lexer.h"

#include "frontend/lexer_scan.h"

#include <algorithm>
#include <iterator>

namespace nnc::frontend {
namespace {

struct TokenEntry {
  const char *spelling;
  bool goes_on;
};
constexpr bool goes_on = true, ends = false;
constexpr TokenEntry entries[] = {
#define NNC_TOKEN(kind, spelling, at_line_end) {spelling, at_line_end},
#include "frontend/lexer_tokens.def"
};

constexpr uint32_t largest_file = 16u << 20;

constexpr std::pair<TokenKind, TokenKind> brackets[] = {{TokenKind::open_paren, TokenKind::close_paren},
                                                        {TokenKind::open_bracket, TokenKind::close_bracket},
                                                        {TokenKind::open_brace, TokenKind::close_brace}};

TokenKind reserved_word(std::string_view name) {
  for (int kind = static_cast<int>(TokenKind::kw_let); kind <= static_cast<int>(TokenKind::kw_false); ++kind)
    if (name == entries[kind].spelling) return static_cast<TokenKind>(kind);
  return TokenKind::name;
}

/// What other languages write, and what to write here. `instead` is the token that stands for it when parsing goes on.
struct ForeignOperator {
  std::string_view spelling;
  TokenKind instead;
  const char *advice;
};
// clang-format off
constexpr ForeignOperator foreign_operators[] = {
    {"===", TokenKind::equal, "equality is `==`"},
    {"!==", TokenKind::not_equal, "inequality is `!=`"},
    {"...", TokenKind::range, "a range is `a..b`"},
    {"**", TokenKind::caret, "a power is `a ^ b`"},
    {"&&", TokenKind::kw_and, "write `and`"},
    {"||", TokenKind::kw_or, "write `or`"},
    {"<>", TokenKind::not_equal, "inequality is `!=`"},
    {":=", TokenKind::assign, "a name is bound by `=`"},
    {"::", TokenKind::invalid, "a member is `m.name`, a slice `x[a..b:stride]`"},
    {"=>", TokenKind::invalid, "a comparison is `>=`, and a result type comes after `->`"},
    {"+=", TokenKind::invalid, "write `x = x + …`"},
    {"-=", TokenKind::invalid, "write `x = x - …`"},
    {"*=", TokenKind::invalid, "write `x = x * …`"},
    {"/=", TokenKind::invalid, "write `x = x / …`"},
    {"./", TokenKind::slash, "`/` is elementwise"},
    {".^", TokenKind::caret, "`^` is elementwise"},
    {"!", TokenKind::kw_not, "write `not`"},
    {"&", TokenKind::invalid, "write `and`"},
    {"|", TokenKind::invalid, "write `or`, or `|>` to pass a value on"},
    {"%", TokenKind::invalid, "the remainder is `a - b * floor(a / b)`, and `%` belongs directly behind a number: `20%`"},
    {"?", TokenKind::invalid, "a choice is `where(condition, a, b)`"},
    {"\\", TokenKind::invalid, "a line goes on inside brackets and after an operator or `,`"},
};
// clang-format on

/// Characters of other keyboards, and the one that is meant.
// clang-format off
constexpr std::pair<int32_t, std::string_view> lookalikes[] = {
    {0x2212, "-"}, {0x2013, "-"}, {0x2014, "-"}, {0x00D7, "*"}, {0x00B7, "*"}, {0x22C5, "*"}, {0x2217, "*"}, {0x00F7, "/"},
    {0x2264, "<="}, {0x2265, ">="}, {0x2260, "!="}, {0x2192, "->"}, {0x2190, "<-"}, {0x2026, ".."}, {0x2032, "'"}, {0x1D40, "'"},
    {0x2019, "'"}, {0xFF08, "("}, {0xFF09, ")"}, {0xFF0C, ","}, {0xFF1D, "="}, {0xFF1A, ":"}, {0xFF1B, ";"}, {0x00A0, " "},
    {0x3000, " "},
};
// clang-format on

class Lexer {
public:
  Lexer(const SourceMap &sources, uint32_t file, Diagnostics &diagnostics)
      : scan{sources.file(file).text(), file, diagnostics}, text(scan.text) {
    tokens.texts.emplace_back();
  }

  Tokens run() {
    check_characters(scan);
    if (text.starts_with("\xEF\xBB\xBF")) at = 3; // a byte order mark says nothing more
    while (at < text.size()) next();
    push(TokenKind::end, text.size());
    return std::move(tokens);
  }

private:
  void push(TokenKind kind, size_t end, std::string value = {}) {
    Token token{kind, false, false, static_cast<uint32_t>(at), static_cast<uint32_t>(end), 0, 0};
    if (!value.empty()) {
      token.text = static_cast<uint32_t>(tokens.texts.size());
      tokens.texts.push_back(std::move(value));
    }
    tokens.list.push_back(token);
    at = end;
  }

  void next() {
    char c = text[at];
    if (c == ' ' || c == '\t')
      ++at;
    else if (c == '\n' || c == '\r')
      newline();
    else if (c == '#')
      comment(text.find_first_of("\r\n", at));
    else if (c == '"')
      string();
    else if (is_digit(c))
      number();
    else if (c == '.' && is_digit(scan.byte(at + 1)) && !after_operand())
      number();
    else if (c == '\'' && !after_operand())
      single_quote();
    else if (name_begins(character_at(text, at)))
      name();
    else
      symbol();
  }

  /// Several newlines, with comments between them, are one token, whose end is where the last line begins.
  void newline() {
    bool first = tokens.list.empty() || tokens.list.back().kind != TokenKind::newline;
    size_t end = at + 1;
    if (first)
      push(TokenKind::newline, end);
    else
      tokens.list.back().end = static_cast<uint32_t>(at = end);
  }

  void comment(size_t end) {
    end = std::min(end, text.size());
    size_t before = text.find_last_not_of(" \t", at == 0 ? 0 : at - 1);
    bool own_line = at == 0 || before == std::string_view::npos || text[before] == '\n' || text[before] == '\r';
    bool doc = text.substr(at, 2) == "##";
    tokens.comments.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(end), doc, own_line});
    at = end;
  }

  /// Whether the token before, on the same line, ends an operand, so that `'` transposes it and `.` asks for a member.
  bool after_operand() const {
    if (tokens.list.empty()) return false;
    switch (tokens.list.back().kind) {
    case TokenKind::name:
    case TokenKind::number:
    case TokenKind::string:
    case TokenKind::close_paren:
    case TokenKind::close_bracket:
    case TokenKind::close_brace:
    case TokenKind::prime:
    case TokenKind::dot_star:
    case TokenKind::invalid:
    case TokenKind::kw_true:
    case TokenKind::kw_false: return true;
    default: return false;
    }
  }

  void name() {
    size_t end = scan.end_of_name(at);
    std::string_view word = text.substr(at, end - at);
    TokenKind kind = reserved_word(word);
    push(kind, end, kind == TokenKind::name ? normalised(word) : std::string());
  }

  void number() {
    // `blocks.3.attend`: a part of a path has no fraction.
    bool part = !tokens.list.empty() && tokens.list.back().kind == TokenKind::dot && tokens.list.back().end == at;
    ScannedNumber found = scan_number(scan, at, part);
    push(found.valid ? TokenKind::number : TokenKind::invalid, found.end, std::move(found.digits));
    tokens.list.back().percent = found.percent;
  }

  void string() {
    ScannedString found = scan_string(scan, at);
    push(TokenKind::string, found.end, std::move(found.value));
  }

  void single_quote() {
    size_t end = text.find_first_of("'\r\n", at + 1);
    if (end == std::string_view::npos || text[end] != '\'') return unexpected(character_at(text, at));
    scan.report(DiagnosticKind::single_quotes, at, end + 1)
        .note(fmt::format("write `\"{}\"`", text.substr(at + 1, end - at - 1)));
    push(TokenKind::string, end + 1, std::string(text.substr(at + 1, end - at - 1)));
  }

  void symbol() {
    if (text.substr(at, 2) == "//" || text.substr(at, 2) == "/*") return foreign_comment();
    if (const ForeignOperator *foreign = foreign_operator()) {
      scan.report(DiagnosticKind::foreign_operator, at, at + foreign->spelling.size(), foreign->spelling, foreign->advice);
      return push(foreign->instead, at + foreign->spelling.size());
    }
    TokenKind kind = symbol_of(text.substr(at));
    if (kind != TokenKind::invalid) return push(kind, at + std::char_traits<char>::length(spelling(kind)));
    unexpected(character_at(text, at));
  }

  /// The longest symbol that `rest` begins with, or `invalid`.
  static TokenKind symbol_of(std::string_view rest) {
    TokenKind best = TokenKind::invalid;
    size_t length = 0;
    for (size_t kind = static_cast<size_t>(TokenKind::open_paren); kind < std::size(entries); ++kind) {
      std::string_view symbol = entries[kind].spelling;
      if (symbol.size() > length && rest.starts_with(symbol)) best = static_cast<TokenKind>(kind), length = symbol.size();
    }
    return best;
  }

  const ForeignOperator *foreign_operator() const {
    for (const ForeignOperator &foreign : foreign_operators) {
      if (!text.substr(at).starts_with(foreign.spelling)) continue;
      bool longer = symbol_of(text.substr(at)) != TokenKind::invalid &&
                    std::string_view(spelling(symbol_of(text.substr(at)))).size() >= foreign.spelling.size();
      if (!longer) return &foreign;
    }
    return nullptr;
  }

  void foreign_comment() {
    bool line = text[at + 1] == '/';
    scan.report(DiagnosticKind::foreign_operator, at, at + 2, text.substr(at, 2),
                "a comment begins with `#`, and whole division is `floor(a / b)`");
    size_t end = line ? text.find_first_of("\r\n", at) : text.find("*/", at + 2);
    at = std::min(end, text.size());
    if (!line && at < text.size()) at += 2;
  }

  void unexpected(Character character) {
    size_t end = at + character.length;
    std::string_view written = text.substr(at, character.length);
    // Bytes that are no UTF-8 and control characters have been reported for the whole text.
    if (character.code_point < 0x20 || character.code_point == 0x7F) return push(TokenKind::invalid, end);
    for (auto [code_point, meant] : lookalikes) {
      if (code_point != character.code_point) continue;
      scan.report(DiagnosticKind::lookalike_character, at, end, written, character.code_point, meant)
          .note(meant == " " ? "write a plain space" : fmt::format("write `{}`", meant));
      if (meant == " ")
        at = end;
      else
        push(symbol_of(meant), end);
      return;
    }
    // A stretch of them is one mistake.
    while (end < text.size() && is_stray(scan, end)) end += character_at(text, end).length;
    scan.report(DiagnosticKind::unexpected_character, at, end, written, character.code_point);
    push(TokenKind::invalid, end);
  }

  Scan scan;
  std::string_view text;
  size_t at = 0;
  Tokens tokens;
};

} // namespace

const char *spelling(TokenKind kind) { return entries[static_cast<size_t>(kind)].spelling; }
bool line_goes_on_after(TokenKind kind) { return entries[static_cast<size_t>(kind)].goes_on; }

TokenKind partner_of(TokenKind bracket) {
  for (auto [open, close] : brackets) {
    if (bracket == open) return close;
    if (bracket == close) return open;
  }
  return TokenKind::invalid;
}

bool is_opening(TokenKind kind) {
  return std::any_of(std::begin(brackets), std::end(brackets), [&](auto pair) { return pair.first == kind; });
}
bool is_closing(TokenKind kind) {
  return std::any_of(std::begin(brackets), std::end(brackets), [&](auto pair) { return pair.second == kind; });
}

Tokens lex(const SourceMap &sources, uint32_t file, Diagnostics &diagnostics) {
  if (sources.file(file).text().size() > largest_file) {
    diagnostics.report(DiagnosticKind::file_too_large, {file, 0, 0}, sources.file(file).text().size(), largest_file);
    return {{Token{}}, {""}, {}};
  }
  Tokens tokens = Lexer(sources, file, diagnostics).run();
  match_brackets(tokens.list, sources, file, diagnostics);
  remove_inner_newlines(tokens.list);
  return tokens;
}

} // namespace nnc::frontend
