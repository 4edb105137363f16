#include "runtime/checks.h"

#include "runtime/element.h"
#include "runtime/error.h"

#include <algorithm>
#include <cmath>

namespace nnc::runtime {
namespace {

constexpr int64_t batch_rows = 1024;
constexpr int64_t batch_values = 1 << 20; // of all checks in one call

[[noreturn]] void out_of_range(const Check &check, const Rows &source, int64_t row, int64_t element, double value) {
  bool known = element < static_cast<int64_t>(check.columns.size());
  int column = known ? check.columns[static_cast<size_t>(element)] : -1;
  fail("{}: {} is {}, but its type is {}: {}0 to {}; correct the data, or the type in the model", place_of(source, row, column),
       check.field, number_text(value), check.type, value == std::trunc(value) ? "" : "whole numbers, ", check.limit - 1);
}

/// The values of one check for rows `first` and on of its clause.
void look(const Check &check, const Rows &source, int64_t first, int64_t rows, const double *values) {
  auto limit = static_cast<double>(check.limit);
  auto good = [&](double value) { return value >= 0 && value < limit && value == std::trunc(value); };
  const double *end = values + rows * check.elements, *bad = std::find_if_not(values, end, good);
  if (bad == end) return;
  int64_t index = bad - values;
  out_of_range(check, source, first + index / check.elements, index % check.elements, *bad);
}

} // namespace

void check_rows(Model &model, const Dataset &data, const std::vector<bool> &relevant) {
  const Description &about = model.about;
  if (std::none_of(relevant.begin(), relevant.end(), [](bool b) { return b; })) return;
  int64_t elements = 0, longest = 0;
  for (const Check &check : about.checks) elements += check.elements;
  for (size_t clause = 0; clause < about.data.size(); clause++) longest = std::max(longest, data.count(static_cast<int>(clause)));
  int64_t batch =
      std::clamp<int64_t>(std::min(batch_rows, batch_values / std::max<int64_t>(elements, 1)), 1, std::max<int64_t>(longest, 1));
  model.prepare(about.check_arena, batch);

  std::vector<std::vector<double>> values;
  std::vector<void *> outputs;
  for (const Check &check : about.checks)
    outputs.push_back(values.emplace_back(static_cast<size_t>(check.elements * batch)).data());
  std::vector<std::vector<int32_t>> rows(about.data.size(), std::vector<int32_t>(static_cast<size_t>(batch)));
  std::vector<const int32_t *> row_pointers;
  for (const auto &clause : rows) row_pointers.push_back(clause.data());

  for (int64_t first = 0; first < longest; first += batch) {
    nnc_call call = model.call();
    call.batch = std::min(batch, longest - first);
    for (size_t clause = 0; clause < rows.size(); clause++) // a shorter clause goes round: what is seen twice is ignored
      for (int64_t i = 0, count = std::max<int64_t>(data.count(static_cast<int>(clause)), 1); i < call.batch; i++)
        rows[clause][static_cast<size_t>(i)] = static_cast<int32_t>((first + i) % count * data.spacing(static_cast<int>(clause)));
    call.sources = data.pointers();
    call.rows = row_pointers.data();
    call.outputs = outputs.data();
    model.run(model.module.check, call);
    for (size_t clause = 0; clause < about.data.size(); clause++)
      for (int index : about.data[clause].checks) {
        const Check &check = about.checks[static_cast<size_t>(index)];
        int64_t left = std::min(call.batch, data.count(static_cast<int>(clause)) - first);
        if (relevant[static_cast<size_t>(index)] && left > 0)
          look(check, data.sources()[static_cast<size_t>(check.source)], first, left, values[static_cast<size_t>(index)].data());
      }
  }
}

} // namespace nnc::runtime
