// Diagnostics for programs: one JSON object a line.

#include "source/diagnostics.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace nnc {
namespace {

using Json = nlohmann::ordered_json;

Json place_of(Span span, const SourceMap &sources) {
  const SourceFile &file = sources.file(span.file);
  LineColumn begin = file.line_column(span.begin), end = file.line_column(span.end);
  return {
      {"path", file.path()}, {"line", begin.line}, {"column", begin.column}, {"endLine", end.line}, {"endColumn", end.column}};
}

} // namespace

std::string render_json(const Diagnostics &diagnostics) {
  const SourceMap &sources = diagnostics.sources();
  std::string out;
  std::vector<const Diagnostic *> shown = diagnostics.sorted();
  shown.resize(std::min(shown.size(), most_rendered));
  for (const Diagnostic *diagnostic : shown) {
    Json object = place_of(diagnostic->span, sources);
    object["severity"] = diagnostic->severity == Severity::error ? "error" : "warning";
    object["kind"] = diagnostic_name(diagnostic->kind);
    object["message"] = diagnostic->message;
    object["labels"] = Json::array();
    for (const Label &label : diagnostic->labels) {
      Json entry = place_of(label.span, sources);
      entry["text"] = label.text;
      object["labels"].push_back(std::move(entry));
    }
    object["notes"] = Json::array();
    for (const Note &note : diagnostic->notes) {
      Json entry = note.has_place ? place_of(note.span, sources) : Json::object();
      entry["text"] = note.text;
      object["notes"].push_back(std::move(entry));
    }
    out += object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  return out;
}

} // namespace nnc
