#pragma once
// Where the time of a run's steps went, by kernel.

#include "runtime/peak.h"

#include <string>
#include <vector>

namespace nnc::runtime {

/// One line of a profile; per step.
struct ProfileLine {
  std::string name, place, makes;
  double seconds = 0, operations = 0, bytes = 0;

  double operations_per_second() const { return seconds > 0 ? operations / seconds : 0; }
  double bytes_per_second() const { return seconds > 0 ? bytes / seconds : 0; }
  /// The larger share of the two peaks: what the kernel is nearer to.
  double share_of(const Peak &) const;
};

struct ProfileTable {
  int64_t steps = 0;
  int threads = 1;
  Peak peak;
  double step_seconds = 0;        // by the clock, and
  std::vector<ProfileLine> lines; // what is in it, the longest first
  double elsewhere_seconds = 0;   // the rest: threads waiting for each other, going from kernel to kernel and step to step

  std::string text() const;
};

/// Counts that the calls of `train` add to.
class Profile {
public:
  /// `kernels`: JSON of the description.
  Profile(const std::string &kernels, int threads);

  int64_t *ticks() { return counts.data(); } // for nnc_call
  void add_call(const nnc_call &, double seconds);
  ProfileTable table(const Peak &) const;

private:
  const std::vector<KernelAbout> kernels;
  const int threads;
  const size_t row; // counters of a thread
  std::vector<int64_t> counts;
  std::vector<double> operations, bytes; // by kernel, of all steps
  int64_t steps = 0;
  double seconds = 0;
};

} // namespace nnc::runtime
