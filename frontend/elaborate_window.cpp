// The ranges of indices that stand only in sums, `x[2*i + p]`, and the proof that the sums stay inside.

#include "frontend/elaborator.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;

namespace {

/// "is 5", "runs from 0 to 6".
std::string values_text(const IndexInterval &range) {
  return range.low == range.high ? fmt::format("is {}", range.low) : fmt::format("runs from {} to {}", range.low, range.high);
}

int64_t coefficient_of(const IndexForm &form, const IndexVariable *variable) {
  for (const auto &term : form.terms)
    if (term.variable.get() == variable) return term.coefficient;
  return 0;
}

/// Indices of a sum that have no range yet.
std::vector<const IndexVariable *> unknown(const IndexForm &form) {
  std::vector<const IndexVariable *> found;
  for (const auto &term : form.terms)
    if (!term.variable->known) found.push_back(term.variable.get());
  return found;
}

/// Where each index of the sum got its range.
void note_ranges(Diagnostic &diagnostic, const IndexForm &form, const IndexVariable *but = nullptr) {
  for (const auto &[variable, coefficient] : form.terms)
    if (variable.get() != but && variable->known && !variable->name.empty())
      diagnostic.note(variable->known_by, fmt::format("`{}` runs from {} to {} because of this", variable->name, variable->low,
                                                      variable->extent.value - 1));
}

} // namespace

bool Elaborator::sum_inside(const IndexedAxis &at) {
  const IndexInterval range = interval_of(at.form);
  if (range.low >= 0 && range.high < at.axis.value) return true;
  Context context{};
  context.caller = at.caller;
  Diagnostic &diagnostic =
      report(K::sum_out_of_bounds, at.span, context, values_text(range), to_string(at.axis), at.axis.value - 1);
  diagnostic.label(at.base, fmt::format("an axis of {}", to_string(at.axis)));
  note_ranges(diagnostic, at.form);
  return false;
}

/// The largest range 0, 1, … for which every sum with this index as its only unknown one stays inside.
bool Elaborator::fit_range(const std::shared_ptr<IndexVariable> &variable, const Context &context) {
  const IndexedAxis *tightest = nullptr, *shared = nullptr;
  int64_t fewest = 0;
  for (const IndexedAxis &at : indexed_axes_) {
    const int64_t step = coefficient_of(at.form, variable.get());
    if (step == 0) continue;
    if (unknown(at.form).size() > 1) {
      shared = &at;
      continue;
    }
    const IndexInterval rest = interval_of(at.form, variable.get());
    const bool room = rest.low >= 0 && rest.high < at.axis.value;
    const int64_t count = !room ? 0 : (step > 0 ? at.axis.value - 1 - rest.high : rest.low) / std::abs(step) + 1;
    if (!tightest || count < fewest) tightest = &at, fewest = count;
  }
  Context where = context;
  if (!tightest && !shared) {
    report(K::index_range_unknown, variable->span, context, variable->name);
    return false;
  }
  if (!tightest) {
    std::string names;
    for (const IndexVariable *one : unknown(shared->form)) names += (names.empty() ? "`" : ", `") + one->name + "`";
    where.caller = shared->caller;
    report(K::two_unknown_ranges, shared->span, where, names)
        .note("give the others theirs: `in 0..n`, or an axis that they index alone");
    return false;
  }
  if (fewest == 0) {
    where.caller = tightest->caller;
    Diagnostic &diagnostic = report(K::no_room_for_index, tightest->span, where, variable->name,
                                    values_text(interval_of(tightest->form, variable.get())), to_string(tightest->axis));
    diagnostic.label(tightest->base, fmt::format("an axis of {}", to_string(tightest->axis)));
    note_ranges(diagnostic, tightest->form, variable.get());
    return false;
  }
  variable->known = true;
  variable->extent = {fewest, nullptr};
  variable->known_by = tightest->span;
  return true;
}

/// Gives every index its range, and proves the sums whose indices all have one. Sums with an index of a surrounding expression wait.
bool Elaborator::settle_ranges(const std::vector<IndexRange> &ranges, bool elaborated, const Context &context) {
  bool ok = true;
  for (const IndexRange &range : ranges)
    if (elaborated && !range.variable->known) ok = fit_range(range.variable, context) && ok;
  std::erase_if(indexed_axes_, [&](const IndexedAxis &at) {
    const bool settled = unknown(at.form).empty();
    const bool lost = (!ok || !elaborated) && std::any_of(ranges.begin(), ranges.end(), [&](const IndexRange &range) {
                        return coefficient_of(at.form, range.variable.get()) != 0;
                      });
    if (settled && !lost) ok = sum_inside(at) && ok;
    return settled || lost;
  });
  return ok;
}

} // namespace nnc::frontend
