#include "codegen/moved_stores.h"

#include "codegen/slab_axes.h"

#include <algorithm>
#include <map>

namespace nnc::codegen {

namespace {

/// The load and store of a kernel that does nothing else.
struct Copy {
  const Access *from, *to;
};
std::optional<Copy> copy_of(const Task &task) {
  const Kernel &kernel = task.kernel;
  if (task.loop >= 0 || kernel.stages.size() != 1 || kernel.contraction || kernel.ordering || !kernel.steps.empty())
    return std::nullopt;
  const Stage &stage = kernel.stages[0];
  if (!stage.axes.empty() || stage.code.size() != 2) return std::nullopt;
  const Instruction &load = kernel.values[stage.code[0]], &store = kernel.values[stage.code[1]];
  if (load.code != Code::load || store.code != Code::store || store.operands[0] != stage.code[0]) return std::nullopt;
  if (!load.access.indirect.empty() || !store.access.indirect.empty()) return std::nullopt;
  return Copy{&load.access, &store.access};
}

/// The access where `copy` puts what a kernel with `extents` stores at `access`: each of its axes is one of the copy's, by its stride.
std::optional<Access> moved(const Access &access, const std::vector<Size> &extents, const Kernel &kernel, const Copy &copy) {
  if (!access.indirect.empty() || !(access.constant == copy.from->constant)) return std::nullopt;
  Access made{copy.to->buffer, copy.to->constant, std::vector<Size>(extents.size()), {}};
  std::vector<bool> taken(kernel.axes.size(), false);
  for (size_t axis = 0; axis < extents.size(); ++axis) {
    if (extents[axis] == Size(1)) continue;
    const Size stride = stride_of(access, axis);
    size_t match = 0;
    while (match < kernel.axes.size() &&
           (taken[match] || !(stride_of(*copy.from, match) == stride) || !(kernel.axes[match] == extents[axis])))
      ++match;
    if (match == kernel.axes.size()) return std::nullopt;
    taken[match] = true;
    made.strides[axis] = stride_of(*copy.to, match);
    if (stride == Size(1) && !(made.strides[axis] == Size(1))) return std::nullopt;
  }
  if (std::find(taken.begin(), taken.end(), false) != taken.end()) return std::nullopt; // it writes the same several times
  while (!made.strides.empty() && made.strides.back().is_zero()) made.strides.pop_back();
  return made;
}

std::vector<Size> extents_at(const Kernel &kernel, const Stage &stage) {
  std::vector<Size> extents = kernel.axes;
  extents.insert(extents.end(), stage.axes.begin(), stage.axes.end());
  return extents;
}

/// The one store of a kernel to a buffer that it does not read, and the extents of the axes around it.
std::optional<std::pair<Access *, std::vector<Size>>> only_store(Kernel &kernel, BufferId buffer) {
  std::optional<std::pair<Access *, std::vector<Size>>> found;
  int touches = 0;
  visit_accesses(kernel, [&](Access &access, bool) { touches += access.buffer == buffer; });
  for (const Stage &stage : kernel.stages)
    for (ValueId id : stage.code)
      if (kernel.values[id].code == Code::store && kernel.values[id].access.buffer == buffer)
        found = {&kernel.values[id].access, extents_at(kernel, stage)};
  return touches == 1 ? found : std::nullopt;
}

} // namespace

void store_in_place_of_copies(std::vector<Task> &tasks, std::vector<Buffer> &buffers) {
  for (Task &task : tasks) store_in_place_of_copies(task.body, buffers);
  std::map<BufferId, std::vector<size_t>> readers, writers;
  for (size_t task = 0; task < tasks.size(); ++task) {
    const Traffic traffic = traffic_of(tasks[task], buffers);
    for (BufferId id : traffic.reads) readers[id].push_back(task);
    for (BufferId id : traffic.writes) writers[id].push_back(task);
  }
  auto is_plain = [&](BufferId id) {
    const Space space = buffers[id].space;
    return (space == Space::arena || space == Space::output) && buffers[id].whole < 0 && buffers[id].moves.empty();
  };
  for (Task &task : tasks) {
    const std::optional<Copy> copy = copy_of(task);
    if (!copy) continue;
    const BufferId from = copy->from->buffer, to = copy->to->buffer;
    if (buffers[from].space != Space::arena || !is_plain(from) || !is_plain(to) || buffers[from].elem != buffers[to].elem)
      continue;
    if (readers[from].size() != 1 || writers[from].size() != 1 || writers[to].size() != 1) continue;
    Task &maker = tasks[writers[from][0]];
    if (maker.loop >= 0) continue;
    const auto store = only_store(maker.kernel, from);
    if (!store) continue;
    const std::optional<Access> there = moved(*store->first, store->second, task.kernel, *copy);
    if (!there) continue;
    *store->first = *there;
    writers[to] = writers[from];
    task.kernel = {};
  }
  std::erase_if(tasks, [](const Task &task) {
    return task.loop < 0 && task.kernel.stages.empty() && task.kernel.steps.empty() && !task.kernel.ordering &&
           !task.kernel.packing;
  });
}

} // namespace nnc::codegen
