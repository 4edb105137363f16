#include "runtime/training.h"

#include "runtime/error.h"
#include "runtime/memory_plan.h"

#include <algorithm>
#include <cmath>

namespace nnc::runtime {
namespace {

constexpr double call_seconds = 0.1;  // one call is about this long, so that a bar moves and a log is timely
constexpr double event_seconds = 0.1; // epoch events come at most this often
constexpr int64_t growth = 8;         // from call to call, until a step's time is known well

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

bool is_finite(double value) { return std::isfinite(value); }

} // namespace

Training::Training(Model &model, const Dataset &data, const Plan &plan, EventLog &log, Progress &progress, int64_t log_every,
                   const Interrupt &interrupt, Profile *profile)
    : model(model), data(data), plan(plan), log(log), progress(progress), log_every(log_every), interrupt(interrupt),
      profile(profile), pace(profile ? 1 : model.threads()),
      may_join_epochs(joins_epochs(model.about, plan.examples, plan.batch, plan.validation.empty())),
      row_pointers(model.about.data.size()),
      sums{std::vector<double>(model.about.costs.size()), std::vector<double>(report_slots(model.about))} {
  for (int clause = 0; clause < plan.drawn; clause++) {
    if (clause > 0) other_rows.push_back(split_rows(data.count(clause), 0, plan.seed).training);
    feeds.emplace_back(clause == 0 ? plan.training : other_rows.back(), plan.shuffle, plan.seed, clause);
  }
  most_steps = steps_of_call(plan.batch, may_join_epochs ? plan.total_steps : plan.steps_per_epoch);
  if (plan.drawn > 1)
    round_rows.assign(static_cast<size_t>(plan.drawn - 1), std::vector<int32_t>(static_cast<size_t>(most_steps * plan.batch)));
  costs.resize(static_cast<size_t>(most_steps) * model.about.costs.size());
  reports.resize(static_cast<size_t>(most_steps) * report_slots(model.about));
  model.prepare(model.about.train_arena, plan.batch);
  model.prepare(model.about.report_arena, plan.examples);
  if (!plan.validation.empty())
    model.prepare(model.about.evaluate_arena, std::min<int64_t>(plan.batch, std::ssize(plan.validation)));
}

EndEvent Training::run() {
  began = Clock::now();
  log.start(model, plan);
  int64_t epoch = 0;
  while (run_epoch(epoch)) epoch++;
  double seconds = training_seconds();
  EndEvent end{done_steps, epoch + 1, seconds, static_cast<double>(done_examples) / seconds};
  log.end(end);
  return end;
}

/// Runs epoch `epoch` (from 0), or what the plan has left of it, or it and the next ones in one call; `epoch` is then the last that ran. False
/// where there are no more.
bool Training::run_epoch(int64_t &epoch) {
  forget_epoch();
  if (int64_t count = epochs_at_once(); count > 1) {
    run_epochs(epoch, count);
  } else {
    const int32_t *rows = feeds.empty() ? nullptr : feeds[0].lap(epoch);
    while (epoch_examples < plan.examples && done_steps < plan.total_steps && !interrupt.signal()) {
      int64_t left = plan.examples - epoch_examples, batch = std::min(plan.batch, left);
      int64_t available = std::min(left / batch, plan.total_steps - done_steps);
      run_steps(epoch, rows ? rows + epoch_examples : nullptr, batch, std::min(wanted_steps(), available));
      progress.within(epoch + 1, epoch_examples, sums.costs.empty() ? 0 : sums.costs[0] / static_cast<double>(epoch_examples),
                      seconds_left());
    }
  }
  bool last = done_steps == plan.total_steps || interrupt.signal();
  if (epoch_examples > 0) tell_epoch(epoch, last);
  return !last;
}

/// How many whole epochs the next call may run: as many as it is to take time for, and none until the first epoch has been told.
int64_t Training::epochs_at_once() const {
  if (!may_join_epochs || told_seconds < 0 || interrupt.signal()) return 0;
  return std::min(wanted_steps(), plan.total_steps - done_steps) / plan.steps_per_epoch;
}

void Training::run_epochs(int64_t &epoch, int64_t count) {
  if (!feeds.empty()) {
    epochs_rows.resize(std::max(epochs_rows.size(), static_cast<size_t>(count * plan.examples)));
    feeds[0].laps(epoch, count, epochs_rows.data());
  }
  const int64_t before = done_steps;
  run_steps(epoch, feeds.empty() ? nullptr : epochs_rows.data(), plan.batch, count * plan.steps_per_epoch);
  epoch += std::max<int64_t>(done_steps - before - 1, 0) / plan.steps_per_epoch;
}

void Training::forget_epoch() {
  std::fill(sums.costs.begin(), sums.costs.end(), 0);
  std::fill(sums.reports.begin(), sums.reports.end(), 0);
  epoch_examples = 0;
}

int64_t Training::wanted_steps() const {
  int64_t wanted = std::max<int64_t>(1, last_steps * growth);
  if (last_steps > 0 && last_seconds > 0) {
    const double seconds = std::min(call_seconds, pace.most_seconds());
    wanted = std::clamp<int64_t>(static_cast<int64_t>(seconds / last_seconds * static_cast<double>(last_steps)), 1, wanted);
  }
  return std::min(wanted, most_steps);
}

void Training::run_steps(int64_t epoch, const int32_t *rows, int64_t batch, int64_t steps) {
  auto start = Clock::now();
  if (!row_pointers.empty()) row_pointers[0] = rows;
  for (size_t i = 0; i < round_rows.size(); i++) {
    feeds[i + 1].draw(round_rows[i].data(), batch * steps);
    row_pointers[i + 1] = round_rows[i].data();
  }
  nnc_call call = model.call();
  call.sources = data.pointers();
  call.rows = row_pointers.empty() ? nullptr : row_pointers.data();
  call.costs = costs.data(), call.reports = reports.data();
  call.stop = interrupt.flag();
  call.batch = batch, call.steps = steps;
  call.step = done_steps + 1, call.total_steps = plan.total_steps, call.epoch = epoch;
  const bool is_counted = profile && (done_steps > 0 || plan.total_steps == 1);
  call.ticks = is_counted ? profile->ticks() : nullptr;
  auto before = is_counted ? Clock::now() : start;
  model.use_threads(profile ? model.threads() : threads);
  model.run(model.train(plan.batch), call);
  if (is_counted) profile->add_call(call, seconds_between(before, Clock::now()));
  look_for_failure(call, epoch + (epoch_examples / plan.batch + call.done - 1) / plan.steps_per_epoch);
  count(call, epoch);
  auto end = Clock::now();
  last_steps = call.done, last_seconds = seconds_between(start, end);
  if (call.done > 0) pace.tell(threads, last_seconds / static_cast<double>(call.done), call.done, seconds_between(began, end));
  threads = pace.threads(seconds_between(began, end));
}

/// Adds up the costs (means over a mini-batch) and reports (sums) of the finished steps of an epoch, in f64 and in their order. Of the epochs that a
/// call has run, the last is told.
void Training::count(const nnc_call &call, int64_t epoch) {
  const size_t clauses = sums.costs.size(), kinds = sums.reports.size();
  const int64_t examples = epoch_examples + call.done * call.batch; // since this epoch's begin
  if (log_every > 0)
    for (int64_t step = log_every - 1 - (call.step - 1) % log_every; step < call.done; step += log_every)
      log.step(call.step + step, epoch + (epoch_examples + step * call.batch) / plan.examples + 1,
               costs.data() + static_cast<size_t>(step) * clauses);
  int64_t first = 0;
  if (examples > plan.examples) {
    first = ((examples - 1) / plan.examples * plan.examples - epoch_examples) / call.batch;
    forget_epoch();
  }
  auto add = [&](double &sum, const std::vector<double> &values, size_t kind, size_t kinds, double weight) {
    double total = sum;
    for (int64_t step = first; step < call.done; step++) total += values[static_cast<size_t>(step) * kinds + kind] * weight;
    sum = total;
  };
  for (size_t i = 0; i < clauses; i++) add(sums.costs[i], costs, i, clauses, static_cast<double>(call.batch));
  for (size_t i = 0; i < kinds; i++) add(sums.reports[i], reports, i, kinds, 1);
  epoch_examples += (call.done - first) * call.batch;
  done_steps += call.done;
  done_examples += call.done * call.batch;
}

/// The compiled code ends a call after a step with a cost that is not finite; that step is the last it has finished.
void Training::look_for_failure(const nnc_call &call, int64_t epoch) const {
  const Description &about = model.about;
  if (call.done > 0) {
    auto first = costs.begin() + (call.done - 1) * static_cast<int64_t>(about.costs.size());
    auto bad = std::find_if_not(first, first + static_cast<int64_t>(about.costs.size()), is_finite);
    if (bad != first + static_cast<int64_t>(about.costs.size())) {
      auto clause = static_cast<size_t>(bad - first);
      throw Error(exit_not_finite, fmt::format("{}: the {} is {} at step {} (epoch {})", about.cost_places[clause],
                                               about.costs[clause], *bad, call.step + call.done - 1, epoch + 1));
    }
  }
  if (call.done < call.steps && !interrupt.signal())
    throw Error(exit_defect, fmt::format("the compiled code ended after {} of {} steps without a reason", call.done, call.steps));
}

void Training::tell_epoch(int64_t epoch, bool last) {
  double seconds = training_seconds(), since = seconds - std::max(told_seconds, 0.0);
  if (!last && told_seconds >= 0 && since < event_seconds) return;
  EpochEvent event{epoch + 1,    done_steps, finish_pass(model, sums, epoch_examples, plan, done_steps, epoch),
                   std::nullopt, seconds,    static_cast<double>(done_examples - told_examples) / since};
  if (!plan.validation.empty()) {
    auto start = Clock::now();
    event.validation = evaluate(model, data, plan, plan.validation_clause, plan.validation, done_steps, epoch, interrupt.flag());
    validation_seconds += seconds_between(start, Clock::now());
  }
  log.epoch(event);
  progress.epoch(event);
  told_seconds = seconds, told_examples = done_examples;
}

double Training::training_seconds() const { return seconds_between(began, Clock::now()) - validation_seconds; }

double Training::seconds_left() const {
  return training_seconds() / static_cast<double>(done_steps) * static_cast<double>(plan.total_steps - done_steps);
}

} // namespace nnc::runtime
