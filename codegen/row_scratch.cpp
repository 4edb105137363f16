#include "codegen/row_scratch.h"

#include "codegen/slab_axes.h"

#include <algorithm>
#include <map>
#include <optional>

namespace nnc::codegen {
namespace {

/// Of one kernel. More of it than a second-level cache would hold beside what else the kernel reads is as good in the arena.
constexpr int64_t most_bytes = 128 << 10;

int64_t whole_lines(int64_t bytes) { return (bytes + 63) / 64 * 64; }

std::optional<int64_t> product(const std::vector<Size> &extents) {
  int64_t count = 1;
  for (const Size &extent : extents) {
    if (!extent.is_constant()) return std::nullopt;
    count *= extent.c[0];
  }
  return count;
}

bool is_same(const Access &a, const Access &b) {
  for (size_t axis = 0; axis < std::max(a.strides.size(), b.strides.size()); ++axis)
    if (!(stride_of(a, axis) == stride_of(b, axis))) return false;
  return a.constant == b.constant;
}

class RowScratch {
public:
  RowScratch(std::vector<Task> &tasks, std::vector<Buffer> &buffers) : buffers_(buffers) {
    find_users(tasks);
    move_rows(tasks);
  }

private:
  static bool is_leaf(const Kernel &kernel) { return kernel.steps.empty(); }

  /// Counts the kernels that touch each buffer, and notes what stays in the arena in any case.
  void find_users(const std::vector<Task> &tasks) {
    for (const Task &task : tasks) {
      stays_.insert(task.carried.begin(), task.carried.end());
      find_users(task.body);
      if (task.loop >= 0) continue;
      if (is_leaf(task.kernel)) add_user(task.kernel);
      for (const Step &step : task.kernel.steps)
        for (const Kernel &part : step.kernels) add_user(part);
    }
  }
  void add_user(const Kernel &kernel) {
    Traffic traffic = traffic_of(kernel, buffers_);
    traffic.reads.merge(traffic.writes);
    for (BufferId id : traffic.reads) ++users_[id];
  }

  void move_rows(std::vector<Task> &tasks) {
    for (Task &task : tasks) {
      move_rows(task.body);
      if (task.loop >= 0) continue;
      const int64_t before = task.kernel.slab_bytes;
      int64_t end = is_leaf(task.kernel) ? move_rows(task.kernel, before) : before;
      for (Step &step : task.kernel.steps) // parts run one at a time
        for (Kernel &part : step.kernels) end = std::max(end, move_rows(part, before));
      task.kernel.slab_bytes = end;
    }
  }

  /// Puts the kernel's rows into scratch from byte `begin` on; gives their end.
  int64_t move_rows(Kernel &kernel, int64_t begin) {
    if (!is_nest(kernel) || kernel.lanes != Lanes::inner) return begin;
    int64_t end = begin;
    const Traffic traffic = traffic_of(kernel, buffers_);
    for (BufferId id : traffic.writes) {
      if (!traffic.reads.contains(id) || !may_move(id)) continue;
      const std::optional<std::vector<Size>> row = row_of(kernel, id);
      if (!row) continue;
      const int64_t elements = *product(*row), bytes = whole_lines(elements * ir::bytes(buffers_[id].elem));
      if (end + bytes - begin > most_bytes) continue;
      buffers_.push_back({Space::slab, 0, end, buffers_[id].elem, elements, buffers_[id].label});
      end += bytes;
      move(kernel, id, {static_cast<BufferId>(buffers_.size() - 1), 0, strides_in(kernel, *row), {}});
    }
    return end;
  }

  bool may_move(BufferId id) const {
    const Buffer &buffer = buffers_[id];
    return buffer.space == Space::arena && buffer.whole < 0 && buffer.moves.empty() && !stays_.contains(id) && users_.at(id) == 1;
  }

  /// The axes of the stages that store and load the buffer, where these are the same and each element is stored before it is loaded, by the same point.
  static std::optional<std::vector<Size>> row_of(const Kernel &kernel, BufferId id) {
    const Stage *first = nullptr;
    const Access *stored = nullptr;
    for (const Stage &stage : kernel.stages)
      for (ValueId value : stage.code) {
        const Instruction &i = kernel.values[value];
        const bool is_access = i.code == Code::load || i.code == Code::store || i.code == Code::store_add;
        if (!is_access || i.access.buffer != id) continue;
        if (!stored) first = &stage, stored = &i.access;
        const bool is_first = stored == &i.access;
        if (i.code == Code::store_add || is_first != (i.code == Code::store)) return std::nullopt;
        if (!i.access.indirect.empty() || !is_same(i.access, *stored) || stage.axes != first->axes) return std::nullopt;
      }
    if (!first || first->axes.empty() || !product(first->axes)) return std::nullopt;
    return first->axes;
  }

  static std::vector<Size> strides_in(const Kernel &kernel, const std::vector<Size> &row) {
    std::vector<Size> strides(kernel.axes.size() + row.size());
    Size stride = 1;
    for (size_t axis = row.size(); axis-- > 0; stride = stride * row[axis]) strides[kernel.axes.size() + axis] = stride;
    return strides;
  }

  static void move(Kernel &kernel, BufferId id, const Access &to) {
    visit_accesses(kernel, [&](Access &access, bool) {
      if (access.buffer == id) access = to;
    });
  }

  std::vector<Buffer> &buffers_;
  std::map<BufferId, int> users_;
  std::set<BufferId> stays_;
};

} // namespace

void keep_rows(std::vector<Task> &tasks, Entry &entry) { RowScratch(tasks, entry.buffers); }

} // namespace nnc::codegen
