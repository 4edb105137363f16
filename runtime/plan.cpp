#include "runtime/plan.h"

#include "runtime/error.h"
#include "runtime/feed.h"

#include <algorithm>
#include <numeric>

namespace nnc::runtime {

namespace {

/// The rows of the first clause, trained on and held out.
Split split_clause(const Description &about, const Dataset &data, uint64_t seed) {
  int64_t window = 0; // the longest
  for (int index : about.data[0].sources) window = std::max(window, about.sources[static_cast<size_t>(index)].window);
  if (window == 0 || about.validate_share <= 0) return split_rows(data.count(0), about.validate_share, seed);
  auto split = split_windows(data.count(0), window, about.validate_share);
  if (!split)
    fail("`validate {:.4g}%` of `data {}`: its sequence of {} is too short for windows of {} on both sides of the cut",
         about.validate_share * 100, about.data[0].name, data.count(0) + window - 1, window);
  return std::move(*split);
}

} // namespace

Plan make_plan(const Description &about, const Options &options, const Dataset &data) {
  Plan plan;
  plan.seed = options.seed.value_or(about.seed);
  plan.shuffle = options.shuffle.value_or(about.shuffle);
  plan.drawn = static_cast<int>(about.data.size()) - (about.validate_data >= 0 ? 1 : 0);
  plan.batch = options.batch.value_or(about.batch);
  if (plan.drawn > 0) {
    if (data.count(0) == 0) throw Error(exit_defect, fmt::format("`data {}` has no sources", about.data[0].name));
    Split split = split_clause(about, data, plan.seed);
    plan.training = std::move(split.training);
    plan.validation = std::move(split.validation);
    plan.batch = std::min<int64_t>(plan.batch, static_cast<int64_t>(plan.training.size()));
  }
  if (about.validate_data >= 0) {
    plan.validation_clause = about.validate_data;
    plan.validation.resize(static_cast<size_t>(data.count(about.validate_data)));
    std::iota(plan.validation.begin(), plan.validation.end(), 0);
  }
  plan.examples = plan.drawn > 0 ? static_cast<int64_t>(plan.training.size()) : plan.batch;
  plan.steps_per_epoch = (plan.examples + plan.batch - 1) / plan.batch;
  int64_t steps = options.steps.value_or(options.epochs ? 0 : about.steps);
  plan.total_steps = steps > 0 ? steps : options.epochs.value_or(about.epochs) * plan.steps_per_epoch; // each below 2^31
  plan.epochs = (plan.total_steps + plan.steps_per_epoch - 1) / plan.steps_per_epoch;
  return plan;
}

} // namespace nnc::runtime
