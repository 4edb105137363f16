#include "source/diagnostics.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace nnc;

namespace {

/// A file `t.nn` with one error at the first occurrence of `mark`, and a label at that of `label`.
std::string rendered(const std::string &text, std::string_view mark, std::string_view label = "",
                     const std::string &label_text = "") {
  SourceMap sources;
  uint32_t file = sources.add_file("t.nn", text);
  auto span = [&](std::string_view part) {
    auto at = static_cast<uint32_t>(text.find(part));
    return Span{file, at, static_cast<uint32_t>(at + part.size())};
  };
  Diagnostics diagnostics(sources);
  Diagnostic &found = diagnostics.report(DiagnosticKind::unopened_bracket, span(mark), mark);
  if (!label.empty()) found.label(span(label), label_text);
  return render_text(diagnostics, false);
}

bool same(LineColumn a, LineColumn b) { return a.line == b.line && a.column == b.column; }

} // namespace

TEST_CASE("lines end at LF, CR LF and CR; columns count characters", "[source]") {
  SourceFile file("a.nn", "ab\r\ncσd\re\n", false);
  CHECK(file.line(1) == "ab");
  CHECK(file.line(2) == "cσd");
  CHECK(file.line(3) == "e");
  CHECK(file.line(4) == "");
  CHECK(file.line(5) == "");
  CHECK(same(file.line_column(0), {1, 1}));
  CHECK(same(file.line_column(4), {2, 1}));
  CHECK(same(file.line_column(7), {2, 3}));
  CHECK(same(file.line_column(9), {3, 1}));
  CHECK(same(file.line_column(1000), {4, 1}));
}

TEST_CASE("bytes that are not UTF-8 count as a column each", "[source]") {
  SourceFile file("a.nn", "\xFF\xCFx\xE2\x82", false);
  CHECK(same(file.line_column(2), {1, 3}));
  CHECK(same(file.line_column(5), {1, 6}));
}

TEST_CASE("places are shared and know their callers", "[source]") {
  SourceMap sources;
  uint32_t prelude = sources.add_file("prelude.nn", "fn f(x) = x", true), user = sources.add_file("a.nn", "f(1)\nf(2)\n");
  Span body{prelude, 10, 11}, call{user, 5, 9};
  PlaceId outer = sources.place(call), inner = sources.place(body, outer);
  CHECK(sources.place(body, outer) == inner);
  CHECK_FALSE(sources.place(body) == inner);
  CHECK(sources.user_span(inner) == call);
  CHECK(sources.user_span(sources.place(body)) == body);
  CHECK(sources.describe(inner) == "a.nn:2:1");
  CHECK(sources.describe(PlaceId{}) == "");
  for (uint32_t i = 0; i < 1000; ++i) sources.place({user, i, i}, outer);
  CHECK(sources.place(body, outer) == inner);

  Diagnostics diagnostics(sources);
  diagnostics.report(DiagnosticKind::chained_comparison, inner);
  CHECK(render_text(diagnostics, false) == "a.nn:2:1: error: comparisons cannot be chained\n"
                                           "  2 | f(2)\n"
                                           "    | ^^^^\n"
                                           "  note: from `x` at prelude.nn:1:11\n");
}

TEST_CASE("the same kind at the same span is reported once", "[source]") {
  SourceMap sources;
  uint32_t file = sources.add_file("a.nn", "x");
  Diagnostics diagnostics(sources);
  diagnostics.report(DiagnosticKind::chained_comparison, Span{file, 0, 1}).note("kept");
  diagnostics.report(DiagnosticKind::chained_comparison, Span{file, 0, 1}).note("dropped");
  CHECK(diagnostics.error_count() == 1);
  CHECK(diagnostics.all().front().notes.size() == 1);
}

TEST_CASE("labels stand below the line", "[source]") {
  CHECK(rendered("  fn (image: real[64]) -> real[10] = image |> output", "output", "image |", "real[64]") ==
        "t.nn:1:47: error: this `output` closes nothing\n"
        "  1 |   fn (image: real[64]) -> real[10] = image |> output\n"
        "    |                                      -------  ^^^^^^\n"
        "    |                                      real[64]\n");
  CHECK(rendered("a\nb\n", "b", "a", "above") == "t.nn:2:1: error: this `b` closes nothing\n"
                                                 "  1 | a\n"
                                                 "    | -\n"
                                                 "    | above\n"
                                                 "  2 | b\n"
                                                 "    | ^\n");
}

TEST_CASE("several labels with text do not touch", "[source]") {
  SourceMap sources;
  uint32_t file = sources.add_file("t.nn", "a + b + c");
  Diagnostics diagnostics(sources);
  diagnostics.report(DiagnosticKind::chained_comparison, Span{file, 8, 9})
      .label({file, 0, 1}, "the first one")
      .label({file, 4, 5}, "the second one")
      .label({file, 8, 9}, "this");
  CHECK(render_text(diagnostics, false) == "t.nn:1:9: error: comparisons cannot be chained\n"
                                           "  1 | a + b + c\n"
                                           "    | -   -   ^\n"
                                           "    | |   |   this\n"
                                           "    | |   the second one\n"
                                           "    | the first one\n");
}

TEST_CASE("tabs and wide characters keep marks below what they mark", "[source]") {
  CHECK(rendered("\tx = y", "y") == "t.nn:1:6: error: this `y` closes nothing\n"
                                    "  1 |     x = y\n"
                                    "    |         ^\n");
  CHECK(rendered("\"数学\" + y", "y") == "t.nn:1:8: error: this `y` closes nothing\n"
                                         "  1 | \"数学\" + y\n"
                                         "    |          ^\n");
}

TEST_CASE("long lines are cut around the mark", "[source]") {
  std::string text = rendered(std::string(100'000, 'a') + " y " + std::string(100'000, 'a'), "y");
  CHECK(text.size() < 600);
  size_t line = text.find("\n") + 1, marks = text.find("\n", line) + 1;
  CHECK(text.substr(line, 9) == "  1 | …");
  // `…` is three bytes and one column.
  CHECK(text.find('y', line) - line - 2 == text.find('^', marks) - marks);
}

TEST_CASE("colours end where they begin", "[source]") {
  SourceMap sources;
  uint32_t file = sources.add_file("t.nn", "a");
  Diagnostics diagnostics(sources);
  diagnostics.report(DiagnosticKind::chained_comparison, Span{file, 0, 1});
  std::string text = render_text(diagnostics, true);
  CHECK(text.find("\033[1;31merror:\033[0m") != std::string::npos);
  CHECK(text.find("\033[1;31m^\033[0m") != std::string::npos);
}

TEST_CASE("JSON holds the same", "[source]") {
  SourceMap sources;
  uint32_t file = sources.add_file("t.nn", "a\nb");
  Diagnostics diagnostics(sources);
  diagnostics.report(DiagnosticKind::chained_comparison, Span{file, 2, 3})
      .label({file, 0, 1}, "one")
      .note("two")
      .note({file, 0, 1}, "three");
  auto object = nlohmann::json::parse(render_json(diagnostics));
  CHECK(object["path"] == "t.nn");
  CHECK(object["line"] == 2);
  CHECK(object["endColumn"] == 2);
  CHECK(object["severity"] == "error");
  CHECK(object["kind"] == "chained_comparison");
  CHECK(object["labels"][0]["text"] == "one");
  CHECK(object["notes"][0] == nlohmann::json{{"text", "two"}});
  CHECK(object["notes"][1]["line"] == 1);
}

TEST_CASE("the nearest name", "[source]") {
  std::vector<std::string> names = {"relu", "sigmoid", "softmax", "log_softmax", "x", "w1"};
  CHECK(nearest_name("rleu", names) == "relu");
  CHECK(nearest_name("ReLU", names) == "relu");
  CHECK(nearest_name("sigmod", names) == "sigmoid");
  CHECK(nearest_name("softmx", names) == "softmax");
  CHECK(nearest_name("w2", names) == "w1");
  CHECK(nearest_name("y", names) == "");
  CHECK(nearest_name("tanh", names) == "");
  CHECK(nearest_name("", names) == "");
  CHECK(nearest_name(std::string(1'000'000, 'a'), names) == "");
}
