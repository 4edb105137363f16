#include "codegen/example_runs.h"

#include "codegen/slab_axes.h"
#include "codegen/task_order.h"

#include <algorithm>
#include <map>

namespace nnc::codegen {
namespace {

constexpr int64_t most_bytes = 512 << 10;   // of all that a run touches of one example: a second-level cache holds it
constexpr int64_t most_scratch = 256 << 10; // of it what lies on a thread's stack
constexpr int64_t least_bytes = 4 << 10; // of a tensor's stretch that one kernel finds in the cache since another has touched it
constexpr int64_t least_gain = 24 << 10; // of all such: less is not worth the calls
constexpr size_t most_kernels = 12;

const Size examples = Size::power(1, 1);
constexpr size_t around = 2; // axes of a step: examples, turns

class Runs {
public:
  Runs(std::vector<Task> &tasks, Entry &entry)
      : tasks_(tasks), buffers_(entry.buffers), order_(tasks, -1, buffers_, {}), taken_(tasks.size(), false) {
    for (const Task &task : tasks_) may_join_.push_back(may_join(task));
    for (size_t first = 0; first < tasks_.size(); ++first) {
      if (!may_join_[first] || taken_[first] || !begin(first)) continue;
      while (members_.size() < most_kernels && join_any()) {
      }
      if (members_.size() > 1 && gain() >= least_gain) replace();
    }
    std::erase_if(tasks_, [](const Task &task) { return task.loop < 0 && is_nest(task.kernel) && task.kernel.stages.empty(); });
  }

private:
  /// Elements for each example, where the buffer has nothing else; 0: it has.
  int64_t each(BufferId id) const {
    const Size &elements = buffers_[id].elements;
    return elements == Size::power(elements.c[1], 1) ? elements.c[1] : 0;
  }
  int64_t bytes_each(BufferId id) const { return each(id) * ir::bytes(buffers_[id].elem); }
  bool is_large(BufferId id) const { return buffers_[id].space == Space::arena && bytes_each(id) >= least_bytes; }
  bool is_scratch(BufferId id) const { return codegen::is_scratch(buffers_, {}, id); }

  bool may_join(const Task &task) const {
    if (task.loop >= 0 || !is_nest(task.kernel) || task.kernel.triangle || draws(task.kernel)) return false;
    bool is_plain = true, has_large = false;
    for (const Stage &stage : task.kernel.stages)
      for (ValueId id : stage.code) {
        const Instruction &value = task.kernel.values[id];
        const bool writes = value.code == Code::store || value.code == Code::store_add;
        if (!writes && value.code != Code::load) continue;
        has_large = has_large || is_large(value.access.buffer);
        const bool is_moving = buffers_[value.access.buffer].whole >= 0 || !buffers_[value.access.buffer].moves.empty();
        is_plain = is_plain && value.code != Code::store_add && !is_moving;
        if (writes) is_plain = is_plain && is_scratch(value.access.buffer) && value.access.indirect.empty();
      }
    return is_plain && has_large;
  }

  // A run under construction.

  bool begin(size_t first) {
    members_.clear();
    for (const auto *ids : {&order_.traffic[first].writes, &order_.traffic[first].reads})
      for (BufferId id : *ids)
        if (is_large(id) && join(first, id)) return true;
    return false;
  }

  bool join_any() {
    for (size_t task = 0; task < tasks_.size(); ++task) {
      if (!may_join_[task] || taken_[task] || members_.contains(task)) continue;
      for (BufferId id : touched(task))
        if (is_large(id) && is_read_again(task, id) && order_.is_convex(numbers(task)) && join(task, id)) return true;
    }
    return false;
  }

  std::set<BufferId> touched(size_t task) const {
    std::set<BufferId> ids = order_.traffic[task].reads;
    ids.insert(order_.traffic[task].writes.begin(), order_.traffic[task].writes.end());
    return ids;
  }
  bool touches(size_t task, BufferId id) const { return order_.touches(task, id); }

  /// Whether the task and a member touch the buffer, and not only write it.
  bool is_read_again(size_t task, BufferId id) const {
    return std::any_of(members_.begin(), members_.end(), [&](const auto &member) {
      return touches(member.first, id) &&
             (order_.traffic[task].reads.contains(id) || order_.traffic[member.first].reads.contains(id));
    });
  }

  /// Takes a task in, its examples where its accesses of the buffer step from one to the next, if what members leave each other is of one example.
  bool join(size_t task, BufferId id) {
    std::optional<Kernel> turned = with_slabs_first(tasks_[task].kernel, {examples}, id, {Size(each(id))});
    if (!turned) return false;
    std::map<size_t, Kernel> with = members_;
    with.emplace(task, std::move(*turned));
    if (!is_by_example(with) || bytes_of(with) > most_bytes) return false;
    members_ = std::move(with);
    return true;
  }

  /// Whether each access of what one of the kernels writes and another touches stays within its example.
  bool is_by_example(const std::map<size_t, Kernel> &kernels) const {
    bool is_apart = true;
    for (const auto &[task, kernel] : kernels)
      visit_accesses(kernel, [&](const Access &access, bool) {
        const BufferId id = access.buffer;
        int users = 0;
        bool is_written = false;
        for (const auto &[other, of_other] : kernels)
          users += touches(other, id), is_written = is_written || order_.traffic[other].writes.contains(id);
        if (users < 2 || !is_written) return;
        const auto within = reach(kernel, access, around);
        is_apart = is_apart && each(id) > 0 && stride_of(access, 0) == Size(each(id)) && within && *within < each(id);
      });
    return is_apart;
  }

  int64_t bytes_of(const std::map<size_t, Kernel> &kernels) const {
    std::set<BufferId> ids;
    for (const auto &[task, kernel] : kernels) ids.merge(touched(task));
    int64_t bytes = 0;
    for (BufferId id : ids) bytes += bytes_each(id);
    return bytes;
  }

  /// Bytes of an example that are found in the cache.
  int64_t gain() const {
    std::map<BufferId, int64_t> users;
    for (const auto &[task, kernel] : members_)
      for (BufferId id : touched(task)) ++users[id];
    int64_t bytes = 0;
    for (const auto &[id, count] : users)
      if (is_large(id)) bytes += (count - 1) * bytes_each(id);
    return bytes;
  }

  /// What only members touch.
  std::vector<BufferId> own() const {
    std::map<BufferId, bool> ids;
    for (const auto &[task, kernel] : members_)
      for (BufferId id : order_.traffic[task].writes) ids[id] = false;
    for (auto &[id, is_shared] : ids) {
      int users = 0;
      for (size_t task = 0; task < tasks_.size(); ++task) {
        if (members_.contains(task))
          users += touches(task, id);
        else
          is_shared = is_shared || (!taken_[task] && touches(task, id));
      }
      is_shared = is_shared || users < 2 || !is_scratch(id);
    }
    std::vector<BufferId> own;
    for (const auto &[id, is_shared] : ids)
      if (!is_shared) own.push_back(id);
    return own;
  }

  /// The members as one kernel, in the place of the first.
  void replace() {
    Kernel whole;
    whole.axes = {examples};
    std::map<BufferId, BufferId> moved;
    for (BufferId id : own()) {
      const int64_t bytes = (bytes_each(id) + 63) / 64 * 64;
      if (whole.slab_bytes + bytes > most_scratch) continue;
      buffers_.push_back({Space::slab, 0, whole.slab_bytes, buffers_[id].elem, each(id), buffers_[id].label});
      moved[id] = static_cast<BufferId>(buffers_.size() - 1);
      whole.slab_bytes += bytes;
    }
    std::vector<Kernel> kernels;
    for (size_t task : order_.in_order(numbers())) kernels.push_back(members_.at(task));
    for (Kernel &kernel : kernels)
      visit_accesses(kernel, [&](Access &access, bool) {
        const auto found = moved.find(access.buffer);
        if (found == moved.end()) return;
        access.buffer = found->second;
        for (size_t axis = 0; axis < std::min(around, access.strides.size()); ++axis) access.strides[axis] = Size(0);
      });
    whole.place = kernels.front().place;
    whole.steps = {{1, std::move(kernels)}};
    order_.merge(numbers());
    const size_t first = members_.begin()->first;
    for (const auto &[task, kernel] : members_) taken_[task] = true, tasks_[task].kernel = {};
    tasks_[first].kernel = std::move(whole);
  }

  std::set<size_t> numbers() const {
    std::set<size_t> tasks;
    for (const auto &[task, kernel] : members_) tasks.insert(task);
    return tasks;
  }
  std::set<size_t> numbers(size_t one_more) const {
    std::set<size_t> tasks = numbers();
    tasks.insert(one_more);
    return tasks;
  }

  std::vector<Task> &tasks_;
  std::vector<Buffer> &buffers_;
  TaskOrder order_;
  std::vector<bool> may_join_, taken_; // by task
  std::map<size_t, Kernel> members_;   // by task, with examples first
};

} // namespace

void join_by_example(std::vector<Task> &tasks, Entry &entry) { Runs(tasks, entry); }

} // namespace nnc::codegen
