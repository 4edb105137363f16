// Events as JSON lines.

#include "runtime/error.h"
#include "runtime/events.h"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sys/resource.h>

namespace nnc::runtime {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

void add_costs(Json &json, const Description &about, const double *costs) {
  for (size_t i = 0; i < about.costs.size(); i++) json[about.costs[i]] = number(costs[i]);
}

void add_means(Json &json, const Description &about, const Means &means) {
  add_costs(json, about, means.costs.data());
  for (size_t i = 0; i < about.reports.size(); i++) json[about.reports[i]] = number(means.reports[i]);
}

/// The most memory that this program has had at once. What getrusage says includes the process that it was started from, as it was when it
/// took this program up: /proc is asked first.
int64_t peak_bytes() {
  if (std::FILE *status = std::fopen("/proc/self/status", "re")) {
    char line[256];
    long long kilobytes = -1;
    while (kilobytes < 0 && std::fgets(line, sizeof line, status))
      if (std::sscanf(line, "VmHWM: %lld kB", &kilobytes) != 1) kilobytes = -1;
    std::fclose(status);
    if (kilobytes >= 0) return int64_t{kilobytes} * 1024;
  }
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? int64_t(usage.ru_maxrss) * 1024 : 0;
}

} // namespace

EventLog::EventLog(const std::string &path, const Description &about) : path(path), about(about) {
  if (path.empty()) return;
  file = path == "-" ? stdout : std::fopen(path.c_str(), "we");
  if (!file) fail("{}: cannot be written: {}", path, std::strerror(errno));
}

EventLog::~EventLog() {
  if (file && file != stdout) std::fclose(file);
}

template <class J> void EventLog::line(const J &json) {
  std::string text = json.dump(-1, ' ', false, J::error_handler_t::replace) + "\n";
  if (std::fwrite(text.data(), 1, text.size(), file) != text.size()) failed = true;
}

void EventLog::start(const Model &model, const Plan &plan) {
  if (!file) return;
  line(Json{{"event", "start"},
            {"model", about.model},
            {"parameters", model.parameters()},
            {"examples", plan.examples},
            {"seed", plan.seed},
            {"threads", model.threads()},
            {"nnc", about.nnc}});
  std::fflush(file);
}

void EventLog::step(int64_t step, int64_t epoch, const double *costs) {
  if (!file) return;
  Json json{{"event", "step"}, {"step", step}, {"epoch", epoch}};
  add_costs(json, about, costs);
  line(json);
}

void EventLog::epoch(const EpochEvent &event) {
  if (!file) return;
  Json json{{"event", "epoch"}, {"epoch", event.epoch}, {"step", event.step}};
  add_means(json, about, event.training);
  if (event.validation) {
    json["validation"] = Json::object();
    add_means(json["validation"], about, *event.validation);
  }
  json["seconds"] = event.seconds;
  json["examples_per_second"] = number(event.examples_per_second);
  line(json);
  std::fflush(file);
}

void EventLog::end(const EndEvent &event) {
  if (!file) return;
  line(Json{{"event", "end"},
            {"steps", event.steps},
            {"epochs", event.epochs},
            {"seconds", event.seconds},
            {"examples_per_second", number(event.examples_per_second)},
            {"peak_bytes", peak_bytes()}});
}

void EventLog::profile(const ProfileTable &table) {
  if (!file) return;
  Json kernels = Json::array();
  for (const ProfileLine &kernel : table.lines)
    kernels.push_back(Json{{"name", kernel.name},
                           {"place", kernel.place},
                           {"makes", kernel.makes},
                           {"seconds", kernel.seconds},
                           {"operations", kernel.operations},
                           {"bytes", kernel.bytes},
                           {"share_of_peak", number(kernel.share_of(table.peak))}});
  line(Json{{"event", "profile"},
            {"steps", table.steps},
            {"threads", table.threads},
            {"operations_per_second", table.peak.operations_per_second},
            {"bytes_per_second", table.peak.bytes_per_second},
            {"step_seconds", table.step_seconds},
            {"elsewhere_seconds", table.elsewhere_seconds},
            {"kernels", std::move(kernels)}});
}

void EventLog::close() {
  if (!file) return;
  failed |= std::fflush(file) != 0;
  failed |= file != stdout && std::fclose(file) != 0;
  file = nullptr;
  if (failed) fail("{}: not all events could be written: {}", path, std::strerror(errno));
}

} // namespace nnc::runtime
