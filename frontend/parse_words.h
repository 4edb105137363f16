#pragma once
// What the parser can miss, and the words that it knows: those of the language by where they belong, and those of others.

#include "frontend/lexer.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nnc::frontend {

/// What stands missing in "expected …, but found …".
enum class Wanted {
#define NNC_WANTED(name, text) name,
#include "frontend/parse_wanted.def"
};
const char *description(Wanted);

/// What to do where `wanted` is missing and `found` stands there, `before` being the token in front of it; "" where nothing is known.
const char *advice(Wanted wanted, TokenKind found, TokenKind before);

/// Where a word can begin a line.
enum class Place { file, model, optimizer, train, data, block, clause };

enum class ClauseWord {
  data,
  validate,
  minimize,
  report,
  predict,
  using_,
  clip_norm,
  load,
  freeze,
  batch,
  epochs,
  steps,
  seed,
  shuffle
};
std::optional<ClauseWord> clause_word(std::string_view);

/// Where a word belongs that cannot stand at `place`; "" for a word that belongs nowhere, or at `place`.
std::string home_of(std::string_view word, Place place);
/// The words that can begin a line at `place`.
std::vector<std::string> words_of(Place place);

/// What to write in place of a word of another language; "" where it is none. `statement`: only those that can be a whole statement.
const char *foreign_word_advice(std::string_view word, bool statement = false);

} // namespace nnc::frontend
