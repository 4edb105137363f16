#pragma once
// The training loop: which steps run in one call of the compiled code, what is counted, when it is told.

#include "runtime/events.h"
#include "runtime/feed.h"
#include "runtime/interrupt.h"
#include "runtime/profile.h"

namespace nnc::runtime {

class Training {
public:
  /// `profile`: null, or what counts the steps behind the first call, in which memory is touched for the first time; all where there is but one.
  Training(Model &, const Dataset &, const Plan &, EventLog &, Progress &, int64_t log_every, const Interrupt &,
           Profile *profile);

  /// Runs to the plan's end or until interrupted. Throws Error (exit_not_finite) after a step whose cost is not finite.
  EndEvent run();

private:
  using Clock = std::chrono::steady_clock;

  bool run_epoch(int64_t epoch);
  void run_steps(int64_t epoch, const int32_t *rows, int64_t batch, int64_t steps);
  void count(const nnc_call &, int64_t epoch);
  void look_for_failure(const nnc_call &, int64_t epoch) const;
  void tell_epoch(int64_t epoch, bool last);
  int64_t next_steps(int64_t available) const;
  double training_seconds() const;
  double seconds_left() const;

  Model &model;
  const Dataset &data;
  const Plan &plan;
  EventLog &log;
  Progress &progress;
  const int64_t log_every;
  const Interrupt &interrupt;
  Profile *const profile;

  std::vector<std::vector<int32_t>> other_rows; // of the drawn clauses behind the first
  std::vector<Feed> feeds;                      // of the drawn clauses
  int64_t most_steps;                           // in one call: what the buffers hold
  std::vector<std::vector<int32_t>> round_rows; // by clause behind the first: the rows of one call
  std::vector<const int32_t *> row_pointers;    // by clause
  std::vector<double> costs, reports;           // of one call
  int64_t last_steps = 0;                       // in the call before, and
  double last_seconds = 0;                      // how long it took

  Means sums; // over the examples of this epoch
  int64_t epoch_examples = 0;
  int64_t done_steps = 0, done_examples = 0; // in all

  Clock::time_point began;
  double validation_seconds = 0;
  double told_seconds = -1;  // when the last epoch event was, and
  int64_t told_examples = 0; // the examples until then
};

} // namespace nnc::runtime
