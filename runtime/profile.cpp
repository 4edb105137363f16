#include "runtime/profile.h"

#include <algorithm>
#include <fmt/format.h>

namespace nnc::runtime {
namespace {

double value_at(const std::vector<double> &polynomial, int64_t batch) {
  double value = 0;
  for (size_t degree = polynomial.size(); degree-- > 0;) value = value * static_cast<double>(batch) + polynomial[degree];
  return value;
}

std::string time_text(double seconds) {
  if (seconds < 1e-6) return fmt::format("{:.1f} ns", seconds * 1e9);
  if (seconds < 1e-3) return fmt::format("{:.2f} us", seconds * 1e6);
  return fmt::format("{:.3f} ms", seconds * 1e3);
}

} // namespace

double ProfileLine::share_of(const Peak &peak) const {
  return std::max(operations_per_second() / peak.operations_per_second, bytes_per_second() / peak.bytes_per_second);
}

Profile::Profile(const std::string &about, int threads)
    : kernels(kernels_from_json(about)), threads(threads), row((kernels.size() + 1 + 7) / 8 * 8),
      counts(row * static_cast<size_t>(threads)), operations(kernels.size()), bytes(kernels.size()) {}

void Profile::add_call(const nnc_call &call, double took) {
  seconds += took, steps += call.done;
  for (size_t i = 0; i < kernels.size(); i++) {
    const double times = kernels[i].turns * static_cast<double>(call.done);
    operations[i] += times * value_at(kernels[i].operations, call.batch);
    bytes[i] += times * value_at(kernels[i].bytes, call.batch);
  }
}

/// Thread 0 is in the steps from their begin to their end, so that its counts together are the time by the clock. A kernel takes as long as
/// the thread that had most of it.
ProfileTable Profile::table(const Peak &peak) const {
  ProfileTable table{steps, threads, peak, 0, {}, 0};
  double all = 0;
  for (size_t i = 0; i <= kernels.size(); i++) all += static_cast<double>(counts[i]);
  if (steps == 0 || all == 0) return table;
  const double per_step = 1 / static_cast<double>(steps), scale = seconds / all * per_step;
  table.step_seconds = table.elsewhere_seconds = seconds * per_step;
  for (size_t i = 0; i < kernels.size(); i++) {
    int64_t longest = 0;
    for (size_t thread = 0; thread < static_cast<size_t>(threads); thread++)
      longest = std::max(longest, counts[thread * row + i]);
    const double took = static_cast<double>(longest) * scale;
    table.lines.push_back({kernels[i].name, kernels[i].place, fmt::format("{}", fmt::join(kernels[i].makes, ", ")), took,
                           operations[i] * per_step, bytes[i] * per_step});
    table.elsewhere_seconds -= took;
  }
  table.elsewhere_seconds = std::max(table.elsewhere_seconds, 0.0);
  std::stable_sort(table.lines.begin(), table.lines.end(),
                   [](const ProfileLine &a, const ProfileLine &b) { return a.seconds > b.seconds; });
  return table;
}

std::string ProfileTable::text() const {
  std::string text = fmt::format("profile of {} steps, {} thread{}; this machine: {:.1f} GFLOP/s, {:.1f} GB/s\n", steps, threads,
                                 threads == 1 ? "" : "s", peak.operations_per_second * 1e-9, peak.bytes_per_second * 1e-9);
  const char *form = "{:>11} {:>6} {:>8} {:>7} {:>5}  {:<24} {}\n";
  text += fmt::format(fmt::runtime(form), "a step", "share", "GFLOP/s", "GB/s", "peak", "kernel", "made for");
  auto add = [&](const ProfileLine &line, const std::string &peak_text) {
    text += fmt::format(fmt::runtime(form), time_text(line.seconds), fmt::format("{:.1f}%", 100 * line.seconds / step_seconds),
                        fmt::format("{:.2f}", line.operations_per_second() * 1e-9),
                        fmt::format("{:.2f}", line.bytes_per_second() * 1e-9), peak_text, line.name,
                        line.place + (line.makes.empty() ? "" : " -> " + line.makes));
  };
  ProfileLine whole{"the whole step", "", "", step_seconds, 0, 0}, inside{"in kernels", "", "", 0, 0, 0},
      elsewhere{"between kernels", "", "", elsewhere_seconds, 0, 0};
  inside.seconds = step_seconds - elsewhere_seconds;
  for (const ProfileLine &line : lines) {
    add(line, fmt::format("{:.0f}%", 100 * line.share_of(peak)));
    inside.operations += line.operations, inside.bytes += line.bytes;
  }
  whole.operations = inside.operations, whole.bytes = inside.bytes;
  for (const ProfileLine &line : {inside, elsewhere, whole}) add(line, "");
  return text;
}

} // namespace nnc::runtime
