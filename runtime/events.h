#pragma once
// What a training run tells: to the log as JSON lines, to people as lines and a bar.

#include "runtime/evaluation.h"
#include "runtime/profile.h"

#include <chrono>
#include <cstdio>

namespace nnc::runtime {

struct EpochEvent {
  int64_t epoch = 0, step = 0; // both from 1
  Means training;
  std::optional<Means> validation;
  double seconds = 0;             // of training since its start, without validation
  double examples_per_second = 0; // since the epoch event before
};

struct EndEvent {
  int64_t steps = 0, epochs = 0;
  double seconds = 0, examples_per_second = 0;
};

/// The file of `--log`: one JSON object a line. Numbers are written in the shortest form that reads back to the same bits, those
/// that are not finite as null.
class EventLog {
public:
  /// Empty path: nothing is written. Throws Error where the file cannot be made.
  EventLog(const std::string &path, const Description &);
  EventLog(const EventLog &) = delete;
  EventLog &operator=(const EventLog &) = delete;
  ~EventLog();

  void start(const Model &, const Plan &);
  void step(int64_t step, int64_t epoch, const double *costs);
  void epoch(const EpochEvent &);
  void end(const EndEvent &);
  void profile(const ProfileTable &);

  /// Throws Error where anything could not be written.
  void close();

private:
  template <class Json> void line(const Json &);

  const std::string path;
  const Description &about;
  std::FILE *file = nullptr;
  bool failed = false;
};

/// Lines on standard output, a bar on standard error.
class Progress {
public:
  Progress(const Options &, const Description &, const Plan &);

  /// Draws the bar, at most ten times a second.
  void within(int64_t epoch, int64_t examples_done, double cost, double seconds_left);
  void epoch(const EpochEvent &);
  void say(const std::string &line);

private:
  void clear();

  const Description &about;
  const Plan &plan;
  const bool quiet, bar;
  bool drawn = false;
  std::chrono::steady_clock::time_point last_bar{};
};

/// ` name 0.123` for each cost and report.
std::string means_text(const Description &, const Means &);

} // namespace nnc::runtime
