#include "source/diagnostics.h"

#include <algorithm>

namespace nnc {
namespace {

struct KindEntry {
  const char *name;
  Severity severity;
  const char *text;
};

constexpr KindEntry kinds[] = {
#define NNC_DIAGNOSTIC(kind, severity, text) {#kind, Severity::severity, text},
#include "source/diagnostics.def"
};

const KindEntry &entry_of(DiagnosticKind kind) { return kinds[static_cast<size_t>(kind)]; }

constexpr size_t longest_chain = 8; // calls of a chain that are named

/// The first line of what stands there, shortened.
std::string excerpt(std::string_view text) {
  constexpr size_t longest = 40;
  size_t end = std::min(text.find_first_of("\r\n"), text.size());
  if (end <= longest) return std::string(text.substr(0, end));
  end = longest;
  while (end > 0 && (text[end] & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

} // namespace

const char *diagnostic_name(DiagnosticKind kind) { return entry_of(kind).name; }

Diagnostic &Diagnostic::label(Span at, std::string text) {
  labels.push_back({at, std::move(text)});
  return *this;
}

Diagnostic &Diagnostic::note(std::string text) {
  notes.push_back({{}, std::move(text), false});
  return *this;
}

Diagnostic &Diagnostic::note(Span at, std::string text) {
  notes.push_back({at, std::move(text), true});
  return *this;
}

const char *Diagnostics::format_of(DiagnosticKind kind) { return entry_of(kind).text; }

Diagnostic &Diagnostics::add(DiagnosticKind kind, Span span, std::string message) {
  Diagnostic found{kind, entry_of(kind).severity, span, std::move(message), {}, {}};
  if (!seen_.emplace(kind, span.file, span.begin, span.end).second) return dropped_ = std::move(found);
  errors_ += found.severity == Severity::error;
  return list_.emplace_back(std::move(found));
}

Diagnostic &Diagnostics::add(DiagnosticKind kind, PlaceId place, std::string message) {
  Diagnostic &found = add(kind, sources_->user_span(place), std::move(message));
  PlaceId at = place;
  auto prelude = [&] { return at && sources_->file(sources_->span(at).file).prelude(); };
  size_t named = 0;
  // What the prelude does below the user's line, innermost first …
  for (; prelude() && sources_->caller(at); at = sources_->caller(at))
    if (named++ < longest_chain)
      found.note(sources_->span(at), fmt::format("from `{}`", excerpt(sources_->text(sources_->span(at)))));
  // … and how the user's line was reached.
  for (at = at ? sources_->caller(at) : at; at; at = sources_->caller(at))
    if (!prelude() && named++ < longest_chain) found.note(sources_->span(at), "called");
  return found;
}

std::vector<const Diagnostic *> Diagnostics::sorted() const {
  std::vector<const Diagnostic *> order;
  for (const Diagnostic &diagnostic : list_) order.push_back(&diagnostic);
  std::stable_sort(order.begin(), order.end(), [](const Diagnostic *a, const Diagnostic *b) {
    return std::pair(a->span.file, a->span.begin) < std::pair(b->span.file, b->span.begin);
  });
  return order;
}

} // namespace nnc
