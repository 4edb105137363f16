#pragma once
// From text to tokens. When it is done brackets are balanced, each knows its partner, and of the newlines only those remain
// that end a statement; so the parser can skip what it does not understand without losing its way.

#include "source/diagnostics.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nnc::frontend {

enum class TokenKind : uint8_t {
#define NNC_TOKEN(kind, spelling, at_line_end) kind,
#include "frontend/lexer_tokens.def"
};

struct Token {
  TokenKind kind = TokenKind::end;
  bool percent = false; // a number with `%` behind it
  bool made_up = false; // a closing bracket that the text lacks; reported
  uint32_t begin = 0;   // bytes of the file
  uint32_t end = 0;
  uint32_t text = 0;    // in Tokens::texts: a name, a number's digits, a string's value
  uint32_t partner = 0; // of a bracket: the index of the one that it belongs to
};

struct Comment {
  uint32_t begin = 0, end = 0; // without the newline
  bool doc = false;            // `##`
  bool own_line = false;       // nothing stands before it on its line
};

struct Tokens {
  std::vector<Token> list;        // the last one is `end`
  std::vector<std::string> texts; // [0] is ""
  std::vector<Comment> comments;  // in the order of the text
};

const char *spelling(TokenKind);

/// A line that ends in such a token goes on on the next.
bool line_goes_on_after(TokenKind);

/// The kind of the bracket that closes, or opens, `bracket`.
TokenKind partner_of(TokenKind bracket);
bool is_opening(TokenKind);
bool is_closing(TokenKind);

/// All tokens of a file. Names are normalised (NFC), strings are without quotes and escapes, numbers without `_`.
Tokens lex(const SourceMap &sources, uint32_t file, Diagnostics &diagnostics);

/// Steps of `lex`: pairs the brackets, with made-up ones where the text lacks them, then removes the newlines that end nothing.
void match_brackets(std::vector<Token> &tokens, const SourceMap &sources, uint32_t file, Diagnostics &diagnostics);
void remove_inner_newlines(std::vector<Token> &tokens);

} // namespace nnc::frontend
