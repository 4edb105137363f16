#include "runtime/pace.h"

#include <algorithm>

namespace nnc::runtime {

int Pace::threads(double now) {
  is_trial = false;
  if (all == 1 || !many.known()) return all;
  const bool prefers_one = one.known() && one.last < clearly * many.last;
  const Measured &used = prefers_one ? one : many;
  const double since = now - last_trial;
  const bool is_time = since > std::max(between_trials, trial_cost / most_of_the_time);
  const bool is_disturbed = used.last > disturbed * used.least && since > std::max(trial_seconds, trial_cost) * 10;
  const bool is_cheap = !one.known() && many.last < trial_seconds;
  is_trial = is_cheap || is_time || is_disturbed;
  return prefers_one != is_trial ? 1 : all;
}

void Pace::tell(int threads, double seconds_per_step, int64_t steps, double now) {
  if (first_calls > 0) { // they find no page of memory there
    --first_calls;
    return;
  }
  Measured &measured = threads == 1 && all > 1 ? one : many;
  measured.last = seconds_per_step;
  measured.least = measured.least > 0 ? std::min(measured.least, seconds_per_step) : seconds_per_step;
  if (is_trial) last_trial = now, trial_cost = seconds_per_step * static_cast<double>(steps);
}

} // namespace nnc::runtime
