#pragma once
// What takes how long in a compile.

#include <chrono>
#include <functional>
#include <string>

namespace nnc {

/// Told what took how long, where it is set.
using Timed = std::function<void(const std::string &what, double seconds)>;

/// The time from its making to its end.
class Stopwatch {
public:
  Stopwatch(const Timed &timed, const char *what) : timed_(timed), what_(what) {
    if (timed) began_ = Clock::now();
  }
  Stopwatch(const Stopwatch &) = delete;
  Stopwatch &operator=(const Stopwatch &) = delete;
  ~Stopwatch() {
    if (timed_) timed_(what_, std::chrono::duration<double>(Clock::now() - began_).count());
  }

private:
  using Clock = std::chrono::steady_clock;
  const Timed &timed_;
  const char *what_;
  Clock::time_point began_;
};

} // namespace nnc
