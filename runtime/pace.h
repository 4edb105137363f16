#pragma once
// How many threads the next call of the compiled code is run on. Where other processes take a core, threads that meet many times in a step wait for the
// one that has none: then one thread is faster than all. Results are the same for any number, so it can change from call to call.

#include <cstdint>

namespace nnc::runtime {

class Pace {
public:
  explicit Pace(int threads) : all(threads) {}

  /// What the next call is run on, all threads or one, `now` seconds after some start.
  int threads(double now);
  /// How long that call should take at most: those that only find out are short.
  double most_seconds() const { return is_trial ? trial_seconds : 1; }
  /// What a call on `threads` took for each step.
  void tell(int threads, double seconds_per_step, int64_t steps, double now);

private:
  /// Of calls on so many threads: the last one's seconds a step, and the least of any.
  struct Measured {
    double last = 0, least = 0;
    bool known() const { return last > 0; }
  };
  static constexpr double trial_seconds = 0.01;
  static constexpr double between_trials = 2;      // seconds at least,
  static constexpr double most_of_the_time = 0.01; // and as many as make them so little a part of all
  static constexpr double disturbed = 1.3;         // times the least: look for the better at once
  static constexpr double clearly = 0.95;          // times the time of all threads: one is better

  const int all;
  int first_calls = 3;
  Measured many, one;
  bool is_trial = false;
  double last_trial = 0, trial_cost = 0;
};

} // namespace nnc::runtime
