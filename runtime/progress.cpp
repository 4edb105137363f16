// What people see of a run.

#include "runtime/error.h"
#include "runtime/events.h"

#include <cmath>
#include <unistd.h>

namespace nnc::runtime {
namespace {

constexpr auto bar_interval = std::chrono::milliseconds(100);
constexpr int bar_width = 30;

std::string duration_text(double seconds) {
  if (!(seconds < 1e6)) return "a long time";
  auto whole = static_cast<int64_t>(std::ceil(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02} min", whole / 60, whole % 60);
  return fmt::format("{}:{:02} h", whole / 3600, whole / 60 % 60);
}

} // namespace

std::string means_text(const Description &about, const Means &means) {
  std::string text;
  for (size_t i = 0; i < about.costs.size(); i++) text += fmt::format("  {} {:.5g}", about.costs[i], means.costs[i]);
  for (size_t i = 0; i < about.reports.size(); i++) text += fmt::format("  {} {:.5g}", about.reports[i], means.reports[i]);
  return text;
}

Progress::Progress(const Options &options, const Description &about, const Plan &plan)
    : about(about), plan(plan), quiet(options.quiet),
      bar(!options.quiet &&
          (options.progress == ShowProgress::always || (options.progress == ShowProgress::automatic && isatty(STDERR_FILENO)))) {}

void Progress::within(int64_t epoch, int64_t examples_done, double cost, double seconds_left) {
  auto now = std::chrono::steady_clock::now();
  if (!bar || now - last_bar < bar_interval) return;
  last_bar = now;
  double share = static_cast<double>(examples_done) / static_cast<double>(plan.examples);
  int full = static_cast<int>(share * bar_width);
  fmt::print(stderr, "\r\033[Kepoch {}/{} [{}{}] {:3.0f}%  cost {:.5g}  {} left", epoch, plan.epochs, std::string(full, '='),
             std::string(bar_width - full, ' '), share * 100, cost, duration_text(seconds_left));
  std::fflush(stderr);
  drawn = true;
}

void Progress::clear() {
  if (!drawn) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  drawn = false;
}

void Progress::epoch(const EpochEvent &event) {
  if (quiet) return;
  clear();
  auto digits = fmt::formatted_size("{}", plan.epochs);
  std::string validation = event.validation ? "  validation" + means_text(about, *event.validation) : "";
  fmt::print("epoch {:{}}/{}{}{}  {:.0f} examples/s  {:.2f} s\n", event.epoch, digits, plan.epochs,
             means_text(about, event.training), validation, event.examples_per_second, event.seconds);
  std::fflush(stdout);
}

void Progress::say(const std::string &line) {
  if (quiet) return;
  clear();
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

} // namespace nnc::runtime
