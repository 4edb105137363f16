#include "frontend/parser.h"

#include "frontend/parse_internal.h"

namespace nnc::frontend {

/// A file: declarations, each on lines of its own.
File Parser::file() {
  File result;
  result.number = file_number;
  for (skip_newlines(); !at(TokenKind::end); skip_newlines()) guarded([&] { result.items.push_back(item()); });
  return result;
}

Item Parser::item() {
  if (at(TokenKind::kw_let)) return {let_item()};
  if (at(TokenKind::kw_fn) || at_adjoint()) return {function()};
  // The other words are names elsewhere; a word that nothing follows is none of a declaration.
  if (at_word("import")) return {import_item()};
  if (at_word("model")) return {model_item()};
  if (at_word("data")) return {data_item()};
  if (at_word("optimizer")) return {optimizer_item()};
  if (at_word("train")) return {train_item()};
  fail_word(Place::file, Wanted::item);
}

File parse(const SourceMap &sources, uint32_t number, Diagnostics &diagnostics) {
  Tokens tokens = lex(sources, number, diagnostics);
  return Parser(tokens, sources, number, diagnostics).file();
}

} // namespace nnc::frontend
