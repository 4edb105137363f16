#pragma once
// Errors, warnings and notes as values. Each kind stands once in diagnostics.def with its text; each must appear in a golden
// test (tests/golden/, checked by tests/diagnostics_coverage_test.cpp).

#include "source/source.h"

#include <fmt/format.h>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace nnc {

enum class Severity { error, warning };

enum class DiagnosticKind {
#define NNC_DIAGNOSTIC(kind, severity, text) kind,
#include "source/diagnostics.def"
};

const char *diagnostic_name(DiagnosticKind);

/// A stretch of source with what to say of it: drawn under the quoted line (`-----` for a label, `^^^^^` for the main place).
struct Label {
  Span span;
  std::string text;
};

struct Note {
  Span span;
  std::string text;
  bool has_place = false; // then it is shown as `text at path:line:column`
};

struct Diagnostic {
  DiagnosticKind kind;
  Severity severity;
  Span span;
  std::string message;
  std::vector<Label> labels; // on the line of `span` or on others
  std::vector<Note> notes;

  Diagnostic &label(Span at, std::string text);
  Diagnostic &note(std::string text);
  Diagnostic &note(Span at, std::string text);
};

/// Collects what one run finds.
class Diagnostics {
public:
  explicit Diagnostics(const SourceMap &sources) : sources_(&sources) {}

  /// The text of `kind` with `arguments` put in. A second one of the same kind at the same span is dropped (its labels and notes go nowhere).
  template <typename... Arguments> Diagnostic &report(DiagnosticKind kind, Span span, Arguments &&...arguments) {
    return add(kind, span, fmt::format(fmt::runtime(format_of(kind)), std::forward<Arguments>(arguments)...));
  }
  /// The same at a place: at the innermost user's span, with a note for each place of the prelude below it and each call above.
  template <typename... Arguments> Diagnostic &report(DiagnosticKind kind, PlaceId place, Arguments &&...arguments) {
    return add(kind, place, fmt::format(fmt::runtime(format_of(kind)), std::forward<Arguments>(arguments)...));
  }

  size_t error_count() const { return errors_; }
  const std::vector<Diagnostic> &all() const { return list_; }
  /// By file and place, those of one place in the order in which they were found.
  std::vector<const Diagnostic *> sorted() const;
  const SourceMap &sources() const { return *sources_; }

private:
  static const char *format_of(DiagnosticKind);
  Diagnostic &add(DiagnosticKind, Span, std::string message);
  Diagnostic &add(DiagnosticKind, PlaceId, std::string message);

  const SourceMap *sources_;
  std::vector<Diagnostic> list_;
  std::set<std::tuple<DiagnosticKind, uint32_t, uint32_t, uint32_t>> seen_; // kind and span
  Diagnostic dropped_;
  size_t errors_ = 0;
};

/// What one rendering shows at most, so that it stays short and its time bounded.
constexpr size_t most_rendered = 100;

/// `path:line:column: error: …`, the source line with marks, the notes: see "Errors" of LANGUAGE. Sorted by place.
std::string render_text(const Diagnostics &, bool color);
/// One JSON object a line: {"path","line","column","endLine","endColumn","severity","kind","message","labels","notes"}.
std::string render_json(const Diagnostics &);

/// The candidate nearest to `name` by edit distance (transpositions count one), or "" where none is near.
std::string nearest_name(std::string_view name, const std::vector<std::string> &candidates);

} // namespace nnc
