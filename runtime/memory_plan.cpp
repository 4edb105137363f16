#include "runtime/memory_plan.h"

#include "runtime/csv.h"
#include "runtime/model.h"
#include "runtime/probe.h"
#include "runtime/size.h"

#include <algorithm>
#include <cmath>

namespace nnc::runtime {
namespace {

constexpr int64_t program_bytes = 3 << 20; // measured: the peak of a program of six parameters

constexpr int64_t buffered_steps = 1 << 13; // most steps in one call, and
constexpr int64_t buffered_rows = 1 << 18;  // most rows

/// Rows of the file, or of the list.
int64_t rows_of(const Source &source) {
  const int64_t width = std::max<int64_t>(elements_of(source.row) / std::max<int64_t>(source.window, 1), 1);
  if (source.format == "list") return static_cast<int64_t>(source.values.size()) / width;
  const std::string path = find_file(source.path, source.directory);
  const Probe found = probe(source, path);
  return found.rows ? *found.rows : count_csv_rows(path, source.header);
}

int64_t bytes_of(const Source &source, int64_t rows) {
  const int64_t width = elements_of(source.row) / std::max<int64_t>(source.window, 1);
  return rows * width * static_cast<int64_t>(stored_bytes(source.stored));
}

} // namespace

bool joins_epochs(const Description &about, int64_t examples, int64_t batch, bool is_not_validated) {
  const auto drawn = std::ssize(about.data) - (about.validate_data >= 0 ? 1 : 0);
  return !about.reads_epoch && is_not_validated && drawn <= 1 && examples % batch == 0;
}

int64_t steps_of_call(int64_t batch, int64_t steps_per_epoch) {
  return std::clamp<int64_t>(buffered_rows / batch, 1, std::min(buffered_steps, steps_per_epoch));
}

MemoryPlan memory_plan(const Description &about) {
  MemoryPlan plan;
  plan.program = program_bytes;
  plan.state = about.state_bytes;
  plan.stack = about.stack_bytes;
  std::vector<int64_t> examples(about.data.size());
  for (size_t clause = 0; clause < about.data.size(); clause++)
    for (int index : about.data[clause].sources) {
      const Source &source = about.sources[static_cast<size_t>(index)];
      const int64_t rows = rows_of(source);
      plan.data += bytes_of(source, rows);
      examples[clause] = std::max<int64_t>(rows - std::max<int64_t>(source.window - 1, 0), 0);
    }

  const size_t drawn = about.data.size() - (about.validate_data >= 0 ? 1 : 0);
  int64_t held_out = 0, training = about.batch, batch = about.batch;
  if (drawn > 0) {
    held_out = std::llround(about.validate_share * static_cast<double>(examples[0]));
    training = std::max<int64_t>(examples[0] - held_out, 1), batch = std::min(batch, training);
    plan.row_numbers = training * (about.shuffle ? 2 : 1) + held_out;
  }
  const int64_t in_epoch = (training + batch - 1) / batch;
  int64_t steps = steps_of_call(batch, in_epoch);
  if (joins_epochs(about, training, batch, held_out == 0 && about.validate_data < 0)) {
    steps = steps_of_call(batch, about.steps > 0 ? about.steps : about.epochs * in_epoch);
    if (drawn > 0 && steps > in_epoch) plan.row_numbers += steps * batch;
  }
  for (size_t clause = 1; clause < drawn; clause++)
    plan.row_numbers += examples[clause] * (about.shuffle ? 2 : 1) + steps * batch;
  if (about.validate_data >= 0) held_out = examples[static_cast<size_t>(about.validate_data)], plan.row_numbers += held_out;
  plan.row_numbers *= sizeof(int32_t);
  plan.results = steps * static_cast<int64_t>((about.costs.size() + report_slots(about)) * sizeof(double));

  plan.arena = std::max(
      {arena_bytes(about.init_arena, 1), arena_bytes(about.train_arena, batch), arena_bytes(about.report_arena, training)});
  if (held_out > 0) plan.arena = std::max(plan.arena, arena_bytes(about.evaluate_arena, std::min(batch, held_out)));
  return plan;
}

} // namespace nnc::runtime
