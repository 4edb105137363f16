// The suite `parse` of the golden files, and inputs too large or too strange to keep as files.

#include "frontend/ast_print.h"
#include "frontend/parser.h"
#include "tests/golden.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <random>

using namespace nnc;
using namespace nnc::frontend;

namespace {

/// Diagnostics as a person sees them, or the tree where there are none.
std::string run_parse(const std::filesystem::path &path, std::set<DiagnosticKind> &kinds) {
  SourceMap sources;
  uint32_t number = sources.add_file(path.filename().string(), golden::read_file(path));
  Diagnostics diagnostics(sources);
  File file = parse(sources, number, diagnostics);
  golden::note_kinds(diagnostics, kinds);
  return diagnostics.all().empty() ? print_ast(file) : render_text(diagnostics, false);
}

golden::AddSuite add{"parse", run_parse};
golden::AddKinds kinds{DiagnosticKind::file_too_large, DiagnosticKind::nesting_too_deep, DiagnosticKind::expression_too_deep,
                       DiagnosticKind::number_too_long};

std::string repeated(std::string_view text, size_t count) {
  std::string all;
  all.reserve(text.size() * count);
  for (size_t i = 0; i < count; ++i) all += text;
  return all;
}

/// The names of the kinds that `text` gives, in the order of the text.
std::vector<std::string> kinds_of(std::string text) {
  SourceMap sources;
  uint32_t number = sources.add_file("test.nn", std::move(text));
  Diagnostics diagnostics(sources);
  parse(sources, number, diagnostics);
  render_text(diagnostics, true);
  render_json(diagnostics);
  std::vector<std::string> names;
  for (const Diagnostic *diagnostic : diagnostics.sorted()) names.emplace_back(diagnostic_name(diagnostic->kind));
  return names;
}

using Names = std::vector<std::string>;
const Names fine, deep = {"nesting_too_deep"}, unclosed_and_deep = {"nesting_too_deep", "unclosed_bracket"};

} // namespace

TEST_CASE("what nests too deep is refused once", "[parse]") {
  constexpr size_t million = 1'000'000, many = 50'000;
  const char *openings[] = {
      "(", "[", "f(", "-", "not ", "2^", "sum[i] ", "x[", "if c { ", "for i in x { ", "if c { 1 } else ", "(1, (", "x |> f("};
  for (const char *opening : openings) {
    INFO(opening);
    Names names = kinds_of("let a = " + repeated(opening, many));
    CHECK(std::count(names.begin(), names.end(), "nesting_too_deep") == 1);
    CHECK(names.size() <= 2);
  }
  CHECK(kinds_of("let a = " + repeated("(", million) + "1" + repeated(")", million)) == deep);
  CHECK(kinds_of("let a = " + repeated("-", million) + "1") == deep);
  CHECK(kinds_of("let a = " + repeated("[", many) + "1" + repeated("]", many)) == deep);
  CHECK(kinds_of("fn f(x: " + repeated("(", many) + "real" + repeated(")", many) + ") = x") == deep);
  CHECK(kinds_of("let a = x |> " + repeated("[", many) + "f" + repeated("]", many)) == deep);
  CHECK(kinds_of("model A { " + repeated("if c { ", many) + repeated("} ", many) + "}") == deep);
  CHECK(kinds_of("model A { " + repeated("if c { } else ", many) + "{ }\n }") == deep);
  CHECK(kinds_of("fn f(x) = " + repeated("{", many)).back() == "unclosed_bracket");
}

TEST_CASE("what nests less is accepted", "[parse]") {
  size_t levels = max_nesting - 2;
  CHECK(kinds_of("let a = " + repeated("(", levels) + "1" + repeated(")", levels)) == fine);
  CHECK(kinds_of("let a = " + repeated("-", levels) + "1") == fine);
}

TEST_CASE("chains of operators are as long as the tree may be high", "[parse]") {
  CHECK(kinds_of("let a = b" + repeated(" + b", max_height - 1)) == fine);
  const char *links[] = {" + b", " * b", " and b", " |> f", "'", "(1)", "[1]", ".m"};
  for (const char *link : links) {
    INFO(link);
    CHECK(kinds_of("let a = b" + repeated(link, 100'000) + "\nlet b = 1\n") == Names{"expression_too_deep"});
  }
  // Each level of brackets may hold a chain, but the whole tree counts.
  std::string nested = "b";
  for (int level = 0; level < 50; ++level) nested = "(" + nested + repeated(" + b", 100) + ")";
  CHECK(kinds_of("let a = " + nested).front() == "expression_too_deep");
}

TEST_CASE("wide things are fine", "[parse]") {
  CHECK(kinds_of("let a = [" + repeated("1, ", 100'000) + "1]") == fine);
  CHECK(kinds_of(repeated("let a = 1\n", 100'000)) == fine);
  CHECK(kinds_of("fn f(x) {\n" + repeated("  x = x + x\n", 100'000) + "  x\n}\n") == fine);
  CHECK(kinds_of("let " + repeated("a", 1'000'000) + " = 1") == fine);
  CHECK(kinds_of("let a = \"" + repeated("a", 1'000'000) + "\"") == fine);
  CHECK(kinds_of(repeated("\n", 1'000'000)) == fine);
  CHECK(kinds_of(repeated("## doc\n", 100'000) + "let a = 1") == fine);
}

TEST_CASE("limits on files and numbers", "[parse]") {
  CHECK(kinds_of(repeated(" ", (16u << 20) + 1)) == Names{"file_too_large"});
  CHECK(kinds_of("let a = 1e400") == fine);
  CHECK(kinds_of("let a = 1e401") == Names{"number_too_long"});
  CHECK(kinds_of("let a = 1e-99999999999999999999") == Names{"number_too_long"});
  CHECK(kinds_of("let a = " + repeated("1", 401)) == Names{"number_too_long"});
}

TEST_CASE("any bytes give diagnostics, in bounded time", "[parse]") {
  CHECK(kinds_of("") == fine);
  CHECK(kinds_of("\xEF\xBB\xBF# a byte order mark\r\nlet a = 1\r\n") == fine);
  CHECK(kinds_of(std::string("\0", 1)) == Names{"control_character"});
  CHECK_FALSE(kinds_of(repeated("\xFF", 1'000'000)).empty());
  CHECK_FALSE(kinds_of(repeated("$ ", 100'000)).empty());
  CHECK_FALSE(kinds_of(repeated("}", 100'000)).empty());
  CHECK_FALSE(kinds_of(repeated("x ", 100'000)).empty());
  CHECK_FALSE(kinds_of(repeated("{ (\n", 100'000)).empty());
  CHECK_FALSE(kinds_of(repeated("fn f(\n", 100'000)).empty());
}

TEST_CASE("programs with mistakes at random are refused or parsed, never half", "[parse]") {
  const char *pieces[] = {"(",  ")",  "[",  "]", "{",  "}",    "=",      "==",      "<-",    "->",   "|>",      ",",
                          ";",  "\n", "..", "'", ".*", " if ", " else ", " for ",   " in ",  " fn ", " model ", "\xff",
                          "\"", "#",  "##", "%", "1e", "0.",   " let ",  " yield ", " sum[", " not "};
  std::vector<std::string> programs;
  for (const auto &file : golden::inputs("parse")) programs.push_back(golden::read_file(file));
  std::mt19937 random(1);
  for (int turn = 0; turn < 1000; ++turn) {
    std::string text = programs[random() % programs.size()];
    for (size_t changes = 1 + random() % 8; changes > 0; --changes) {
      size_t at = random() % (text.size() + 1);
      switch (random() % 3) {
      case 0: text.erase(at, 1 + random() % 6); break;
      case 1: text.insert(at, pieces[random() % std::size(pieces)]); break;
      default: text.insert(at, text.substr(random() % (text.size() + 1), random() % 30));
      }
    }
    SourceMap sources;
    uint32_t number = sources.add_file("test.nn", text);
    Diagnostics diagnostics(sources);
    std::string tree = print_ast(parse(sources, number, diagnostics));
    INFO(text);
    bool whole = tree.find(": ErrorExpr") == std::string::npos;
    REQUIRE((whole || diagnostics.error_count() > 0));
  }
}
