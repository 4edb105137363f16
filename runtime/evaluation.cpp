#include "runtime/evaluation.h"

#include <algorithm>

namespace nnc::runtime {
namespace {

bool is_set(const int32_t *flag) { return flag && __atomic_load_n(flag, __ATOMIC_RELAXED) != 0; }

void add(std::vector<double> &sums, const std::vector<double> &more) {
  for (size_t i = 0; i < sums.size(); i++) sums[i] += more[i];
}

} // namespace

Means finish_pass(Model &model, const Means &sums, int64_t examples, const Plan &plan, int64_t step, int64_t epoch) {
  const Description &about = model.about;
  const auto shown = static_cast<std::ptrdiff_t>(about.reports.size());
  Means means{sums.costs, {sums.reports.begin(), sums.reports.begin() + shown}};
  for (auto *values : {&means.costs, &means.reports})
    for (double &value : *values) value /= static_cast<double>(examples);
  if (about.reports_of_pass.empty()) return means;
  std::vector<double> made(about.reports.size());
  model.prepare(about.report_arena, examples);
  nnc_call call = model.call();
  call.settings = sums.reports.data() + shown;
  call.reports = made.data();
  call.batch = examples;
  call.step = step, call.total_steps = plan.total_steps, call.epoch = epoch;
  model.run(model.module.report, call);
  for (int report : about.reports_of_pass) means.reports[static_cast<size_t>(report)] = made[static_cast<size_t>(report)];
  return means;
}

std::optional<Means> evaluate(Model &model, const Dataset &data, const Plan &plan, int clause, const std::vector<int32_t> &rows,
                              int64_t step, int64_t epoch, const int32_t *stop) {
  const Description &about = model.about;
  int64_t total = about.data.empty() ? plan.batch : static_cast<int64_t>(rows.size());
  int64_t batch = std::min(plan.batch, total);
  model.prepare(about.evaluate_arena, batch);
  std::vector<std::vector<int32_t>> others(about.data.size(), std::vector<int32_t>(static_cast<size_t>(batch)));
  std::vector<const int32_t *> pointers;
  for (const auto &other : others) pointers.push_back(other.data());
  Means sums{std::vector<double>(about.costs.size()), std::vector<double>(report_slots(about))}, one = sums;

  for (int64_t first = 0; first < total; first += batch) {
    if (is_set(stop)) return std::nullopt;
    nnc_call call = model.call();
    call.batch = std::min(batch, total - first);
    for (size_t c = 0; c < others.size(); c++)
      for (int64_t i = 0, count = std::max<int64_t>(data.count(static_cast<int>(c)), 1); i < call.batch; i++)
        others[c][static_cast<size_t>(i)] = static_cast<int32_t>((first + i) % count);
    if (!pointers.empty()) pointers[static_cast<size_t>(clause)] = rows.data() + first;
    call.sources = data.pointers();
    call.rows = pointers.empty() ? nullptr : pointers.data();
    call.costs = one.costs.data(), call.reports = one.reports.data();
    call.step = step, call.total_steps = plan.total_steps, call.epoch = epoch;
    call.stop = stop;
    std::fill(one.costs.begin(), one.costs.end(), 0);
    std::fill(one.reports.begin(), one.reports.end(), 0);
    model.run(model.module.evaluate, call);
    add(sums.costs, one.costs), add(sums.reports, one.reports);
  }
  return finish_pass(model, sums, total, plan, step, epoch);
}

} // namespace nnc::runtime
