#include "frontend/parse_words.h"

#include <iterator>

namespace nnc::frontend {
namespace {

constexpr const char *wanted_texts[] = {
#define NNC_WANTED(name, text) text,
#include "frontend/parse_wanted.def"
};

struct Advice {
  std::optional<Wanted> wanted;
  std::optional<TokenKind> found, before;
  const char *text;
};
using enum TokenKind;

/// The first row that fits is taken; an empty column fits all.
// clang-format off
constexpr Advice advices[] = {
    {Wanted::element, {}, {}, "remove the comma"},
    {Wanted::block, colon, {}, "a block stands in braces: `{ … }`"},
    {Wanted::block, assign, {}, "`=` binds; `==` compares"},
    {Wanted::block, range, {}, "a range stands only in `for`, in index brackets and in slices"},
    {Wanted::body, colon, {}, "a body is `= expression` or stands in braces: `{ … }`; a result type comes after `->`"},
    {Wanted::body, newline, {}, "the `=`, `->` or `{` stands on the line of the `)`"},
    {Wanted::formals, name, {}, "the parameters stand in parentheses: `fn f(x) = …`"},
    {Wanted::formals, newline, {}, "write `()` where there are none"},
    {Wanted::formals, assign, {}, "write `()` where there are none"},
    {Wanted::formals, open_brace, {}, "write `()` where there are none"},
    {Wanted::comma_or_paren, assign, {}, "`=` binds; `==` compares"},
    {Wanted::comma_or_bracket, assign, {}, "`=` binds; `==` compares"},
    {Wanted::comma_or_bracket, colon, {}, "a slice is `a..b`, with a stride `a..b:2`"},
    {Wanted::comma_or_paren, range, {}, "a range stands only in `for`, in index brackets and in slices"},
    {Wanted::comma_or_bracket, range, {}, "a range stands only in `for`, in index brackets and in slices"},
    {Wanted::comma_or_paren, semicolon, {}, "a `;` ends a statement and cannot stand inside brackets"},
    {Wanted::comma_or_bracket, semicolon, {}, "a `;` ends a statement and cannot stand inside brackets"},
    {Wanted::comma_or_paren, name, number, "a product is written with `*`"},
    {Wanted::statement_end, name, number, "a product is written with `*`"},
    {Wanted::statement_end, colon, {}, "a binding has no type: `name = …`; a block stands in braces"},
    {Wanted::statement_end, range, {}, "a range stands only in `for`, in index brackets and in slices"},
    {Wanted::statement_end, open_bracket, close_paren, "to take elements of a pipe's result, put the pipe in parentheses"},
    {Wanted::statement_end, open_paren, close_paren, "to call a pipe's result, put the pipe in parentheses"},
    {Wanted::statement_end, assign, {}, "`=` binds a name at the beginning of a statement; `==` compares"},
    {Wanted::statement_end, update, {}, "a state is updated by `name <- …`; to compare with a negative value write `a < -b`"},
    {Wanted::comma_or_paren, update, {}, "to compare with a negative value write `a < -b`"},
    {Wanted::block, newline, {}, "the `{` stands on the same line"},
    {Wanted::block, update, {}, "to compare with a negative value write `a < -b`"},
    {Wanted::statement_end, slash, number, "a share is one number, such as `20%` or `0.2`"},
    {Wanted::statement_end, kw_in, {}, "the parameters to load are named by `into`"},
    {Wanted::statement_end, {}, {}, "one line holds one statement; `;` separates several"},
    {Wanted::comma_or_paren, {}, {}, "is a comma or an operator missing?"},
    {Wanted::comma_or_bracket, {}, {}, "is a comma or an operator missing?"},
    {Wanted::expression, plus, newline, "an operator that joins two lines stands at the end of the first"},
    {Wanted::expression, star, newline, "an operator that joins two lines stands at the end of the first"},
    {Wanted::expression, slash, newline, "an operator that joins two lines stands at the end of the first"},
    {Wanted::expression, TokenKind::at, newline, "an operator that joins two lines stands at the end of the first"},
    {Wanted::expression, plus, {}, "there is no unary `+`"},
    {Wanted::expression, kw_not, {}, "put it in parentheses: `(not …)`"},
    {Wanted::expression, range, {}, "a range stands only in `for`, in index brackets and in slices"},
    {Wanted::expression, kw_fn, {}, "a function has a name and is declared outside of expressions"},
    {Wanted::expression, assign, {}, "equality is `==`"},
    {Wanted::expression, newline, {}, "an expression goes on on the next line only inside brackets and after an operator"},
    {Wanted::member_name, number, {}, "an element of a list is `x[3]`"},
    {Wanted::value, newline, {}, "the value stands behind `=`"},
    {Wanted::value, colon, {}, "only parameters, states and fields have types"},
    {Wanted::initial_value, {}, {}, "such as `~ glorot` or `= 0`"},
    {Wanted::range, {}, {}, "an index's range is `i in 0..n`"},
    {Wanted::type, open_bracket, {}, "an element type comes first: `real[n]`"},
    {Wanted::stage, kw_fn, {}, "declare the function with a name, and write the name here"},
    {Wanted::stage, open_paren, {}, "a stage is a name, such as in `x |> f` or `x |> f(a)`"},
    {Wanted::name, newline, {}, "the name stands on the same line"},
};
// clang-format on

bool fits(const std::optional<TokenKind> &column, TokenKind kind) { return !column || *column == kind; }

struct Word {
  const char *text;
  Place place;
};
// clang-format off
constexpr Word words[] = {
    {"import", Place::file},       {"let", Place::file},       {"fn", Place::file},         {"adjoint", Place::file},
    {"model", Place::file},        {"data", Place::file},      {"optimizer", Place::file},  {"train", Place::file},
    {"param", Place::model},       {"state", Place::model},    {"fn", Place::model},        {"adjoint", Place::model},
    {"if", Place::model},          {"state", Place::optimizer}, {"for", Place::block},      {"if", Place::block},
    {"yield", Place::block},       {"data", Place::train},     {"validate", Place::train},  {"minimize", Place::train},
    {"report", Place::train},      {"predict", Place::train},  {"using", Place::train},     {"clip_norm", Place::train},
    {"load", Place::train},        {"freeze", Place::train},   {"batch", Place::train},     {"epochs", Place::train},
    {"steps", Place::train},       {"seed", Place::train},     {"shuffle", Place::train},
    {"over", Place::clause},       {"into", Place::clause},     {"as", Place::clause},
};
// clang-format on

/// In the order of ClauseWord.
constexpr const char *clause_words[] = {"data", "validate", "minimize", "report", "predict", "using", "clip_norm",
                                        "load", "freeze",   "batch",    "epochs", "steps",   "seed",  "shuffle"};

struct ForeignWord {
  const char *text;
  bool statement; // a whole statement, or before something in parentheses; the others stand before a name
  const char *advice;
};
constexpr ForeignWord foreign_words[] = {
    {"def", false, "a function is `fn name(x: type) = …`"},
    {"func", false, "a function is `fn name(x: type) = …`"},
    {"function", false, "a function is `fn name(x: type) = …`"},
    {"lambda", false, "a function has a name: `fn name(x: type) = …`"},
    {"class", false, "a model is `model Name(…) { … }`"},
    {"struct", false, "a model is `model Name(…) { … }`"},
    {"var", false, "a name is bound by `name = …`"},
    {"const", false, "a constant is `let name = …`"},
    {"from", false, "the declarations of a file come with `import \"file.nn\"`"},
    {"include", false, "the declarations of a file come with `import \"file.nn\"`"},
    {"loss", false, "the cost is given by `minimize …`"},
    {"maximize", false, "write `minimize -(…)`"},
    {"metric", false, "what is shown is given by `report name = …`"},
    {"return", true, "the last expression of a block is its value"},
    {"elif", true, "write `else if`"},
    {"while", true, "a loop is `for x in xs { … }`"},
    {"break", true, "a loop runs over all of its elements"},
    {"continue", true, "a loop runs over all of its elements"},
    {"pass", true, "a block has a value"},
};

} // namespace

const char *description(Wanted wanted) { return wanted_texts[static_cast<size_t>(wanted)]; }

const char *advice(Wanted wanted, TokenKind found, TokenKind before) {
  for (const Advice &row : advices)
    if ((!row.wanted || *row.wanted == wanted) && fits(row.found, found) && fits(row.before, before)) return row.text;
  return "";
}

std::optional<ClauseWord> clause_word(std::string_view word) {
  for (size_t i = 0; i < std::size(clause_words); ++i)
    if (word == clause_words[i]) return static_cast<ClauseWord>(i);
  return {};
}

std::string home_of(std::string_view word, Place place) {
  static constexpr const char *texts[] = {
      "a file outside of all braces", "a model", "an optimizer", "a `train` block", "a `data` block", "a function's body",
      "a clause, on the same line"};
  std::string homes;
  for (const Word &entry : words) {
    if (word != entry.text) continue;
    if (entry.place == place) return "";
    homes = texts[static_cast<size_t>(entry.place)] + (homes.empty() ? "" : " or in " + homes);
  }
  return homes;
}

std::vector<std::string> words_of(Place place) {
  std::vector<std::string> found;
  for (const Word &entry : words)
    if (entry.place == place) found.emplace_back(entry.text);
  return found;
}

const char *foreign_word_advice(std::string_view word, bool statement) {
  for (const ForeignWord &foreign : foreign_words)
    if (word == foreign.text && (foreign.statement || !statement)) return foreign.advice;
  return "";
}

} // namespace nnc::frontend
