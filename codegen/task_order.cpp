#include "codegen/task_order.h"

#include <algorithm>
#include <map>

namespace nnc::codegen {

TaskOrder::TaskOrder(const std::vector<Task> &tasks, int loop, const std::vector<Buffer> &buffers,
                     const std::set<BufferId> &carried) {
  for (const Task &task : tasks) traffic.push_back(traffic_of(task, loop, buffers));
  std::map<BufferId, std::vector<size_t>> writers;
  std::vector<std::vector<size_t>> before(tasks.size());
  for (size_t task = 0; task < tasks.size(); ++task)
    for (BufferId buffer : traffic[task].writes) {
      for (size_t earlier : writers[buffer]) before[task].push_back(earlier);
      writers[buffer].push_back(task);
    }
  for (size_t task = 0; task < tasks.size(); ++task)
    for (BufferId buffer : traffic[task].reads)
      if (buffers[buffer].space == Space::arena && !carried.contains(buffer) && !traffic[task].writes.contains(buffer))
        for (size_t writer : writers[buffer]) before[task].push_back(writer);
  before_.assign(tasks.size(), {});
  for (size_t task = 0; task < tasks.size(); ++task) close(task, before);
}

void TaskOrder::add(Bits &all, const Bits &more) {
  for (size_t word = 0; word < all.size(); ++word) all[word] |= more[word];
}

void TaskOrder::close(size_t task, const std::vector<std::vector<size_t>> &before) {
  if (!before_[task].empty()) return;
  Bits all((before_.size() + 63) / 64, 0);
  for (size_t earlier : before[task]) {
    close(earlier, before);
    add(all, earlier);
    add(all, before_[earlier]);
  }
  before_[task] = std::move(all);
}

bool TaskOrder::is_convex(const std::set<size_t> &set) const {
  for (size_t task = 0; task < before_.size(); ++task) {
    if (set.contains(task)) continue;
    bool needs = false, is_needed = false;
    for (size_t member : set) needs |= depends(task, member), is_needed |= depends(member, task);
    if (needs && is_needed) return false;
  }
  return true;
}

std::vector<size_t> TaskOrder::in_order(const std::set<size_t> &set) const {
  std::vector<size_t> tasks;
  std::set<size_t> left = set;
  while (!left.empty()) {
    const auto next = std::find_if(left.begin(), left.end(), [&](size_t task) {
      return std::none_of(left.begin(), left.end(), [&](size_t other) { return other != task && depends(task, other); });
    });
    tasks.push_back(*next);
    left.erase(next);
  }
  return tasks;
}

void TaskOrder::merge(const std::set<size_t> &set) {
  Bits all((before_.size() + 63) / 64, 0);
  for (size_t task : set) {
    add(all, task);
    add(all, before_[task]);
  }
  for (size_t task = 0; task < before_.size(); ++task) {
    const bool follows = std::any_of(set.begin(), set.end(), [&](size_t member) { return depends(task, member); });
    if (follows || set.contains(task)) add(before_[task], all);
  }
}

bool is_scratch(const std::vector<Buffer> &buffers, const std::set<BufferId> &carried, BufferId id) {
  return buffers[id].space == Space::arena && buffers[id].whole < 0 && buffers[id].moves.empty() && !carried.contains(id);
}

} // namespace nnc::codegen
