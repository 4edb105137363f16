#pragma once
// What the tasks of one level read and write, and which must run before which.

#include "codegen/schedule.h"

namespace nnc::codegen {

class TaskOrder {
public:
  /// `loop`: that whose body the tasks are, or -1; `carried`: the buffers whose values it carries.
  TaskOrder(const std::vector<Task> &, int loop, const std::vector<Buffer> &, const std::set<BufferId> &carried);

  std::vector<Traffic> traffic; // by task

  bool depends(size_t later, size_t earlier) const { return before_[later][earlier / 64] >> (earlier % 64) & 1; }
  bool touches(size_t task, BufferId id) const { return traffic[task].reads.contains(id) || traffic[task].writes.contains(id); }
  /// Whether no other task stands between those of the set.
  bool is_convex(const std::set<size_t> &) const;
  /// The tasks of the set, each after those that it needs.
  std::vector<size_t> in_order(const std::set<size_t> &) const;
  /// The tasks of the set are one for all others from now on.
  void merge(const std::set<size_t> &);

private:
  using Bits = std::vector<uint64_t>;

  void close(size_t task, const std::vector<std::vector<size_t>> &before);
  static void add(Bits &all, const Bits &more);
  static void add(Bits &all, size_t task) { all[task / 64] |= uint64_t{1} << (task % 64); }

  std::vector<Bits> before_; // by task, a bit for each that must run before it
};

/// Whether a buffer holds only what the tasks leave each other: none that a loop moves along or carries, or a part of another.
bool is_scratch(const std::vector<Buffer> &, const std::set<BufferId> &carried, BufferId);

} // namespace nnc::codegen
