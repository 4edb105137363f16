#include "codegen/schedule.h"

#include "codegen/order.h"
#include "ir/builder.h"

#include <algorithm>
#include <functional>
#include <map>

namespace nnc::codegen {

static BufferId root_of(const std::vector<Buffer> &buffers, BufferId id) {
  return buffers[id].whole < 0 ? id : buffers[id].whole;
}

namespace {

/// The memory that a kernel reads and writes, each buffer given as `root` of it.
template <typename Root> Traffic traffic_of(const Kernel &kernel, const std::vector<Buffer> &buffers, Root &&root) {
  Traffic traffic;
  for (const Step &step : kernel.steps)
    for (const Kernel &part : step.kernels) {
      Traffic some = traffic_of(part, buffers, root);
      traffic.reads.merge(some.reads);
      traffic.writes.merge(some.writes);
    }
  for (const Stage &stage : kernel.stages)
    for (ValueId id : stage.code) {
      const Instruction &value = kernel.values[id];
      if (value.code == Code::load || value.code == Code::store_add) traffic.reads.insert(root(value.access.buffer));
      if (value.code == Code::store || value.code == Code::store_add) traffic.writes.insert(root(value.access.buffer));
    }
  if (kernel.contraction) traffic.reads.insert({root(kernel.contraction->a.buffer), root(kernel.contraction->b.buffer)});
  if (kernel.ordering) {
    traffic.reads.insert(root(kernel.ordering->keys.buffer));
    traffic.writes.insert(root(kernel.ordering->result.buffer));
  }
  if (kernel.packing) {
    traffic.reads.insert(root(kernel.packing->from.buffer));
    traffic.writes.insert(root(kernel.packing->to));
  }
  auto is_private = [&](BufferId id) { return buffers[id].space == Space::slab; };
  std::erase_if(traffic.reads, is_private);
  std::erase_if(traffic.writes, is_private);
  return traffic;
}

} // namespace

Traffic traffic_of(const Kernel &kernel, const std::vector<Buffer> &buffers) {
  return traffic_of(kernel, buffers, [&](BufferId id) { return root_of(buffers, id); });
}

Traffic traffic_of(const Task &task, const std::vector<Buffer> &buffers) { return traffic_of(task, -1, buffers); }

Traffic traffic_of(const Task &task, int loop, const std::vector<Buffer> &buffers) {
  auto still = [&](BufferId id) {
    while (!buffers[id].moves.empty() && buffers[id].moves.back().first > loop) id = buffers[id].within;
    return id;
  };
  if (task.loop < 0) return traffic_of(task.kernel, buffers, still);
  Traffic traffic;
  for (const Task &inner : task.body) {
    Traffic some = traffic_of(inner, loop, buffers);
    traffic.reads.merge(some.reads);
    traffic.writes.merge(some.writes);
  }
  return traffic;
}

namespace {

void for_each_kernel(std::vector<Task> &tasks, const std::function<void(Kernel &)> &visit) {
  for (Task &task : tasks) task.loop < 0 ? visit(task.kernel) : for_each_kernel(task.body, visit);
}

/// Kernels without code, and loops without kernels, go.
void drop_empty(std::vector<Task> &tasks) {
  for (Task &task : tasks) drop_empty(task.body);
  std::erase_if(tasks, [](const Task &task) {
    return task.loop < 0
               ? task.kernel.stages.empty() && task.kernel.steps.empty() && !task.kernel.ordering && !task.kernel.packing
               : task.body.empty();
  });
}

size_t count_values(std::vector<Task> &tasks) {
  size_t count = 0;
  for_each_kernel(tasks, [&](Kernel &kernel) {
    for (const Stage &stage : kernel.stages) count += stage.code.size();
  });
  return count;
}

/// Drops the values that only dead stores used.
void keep_used(Kernel &kernel, const std::set<BufferId> &loaded, const std::vector<Buffer> &buffers) {
  std::vector<bool> used(kernel.values.size(), false);
  auto lives = [&](const Instruction &value) {
    if (value.code == Code::store_add) return true;
    return value.code == Code::store &&
           (buffers[value.access.buffer].space != Space::arena || loaded.count(root_of(buffers, value.access.buffer)));
  };
  for (size_t id = kernel.values.size(); id-- > 0;) {
    const Instruction &value = kernel.values[id];
    bool store = value.code == Code::store || value.code == Code::store_add;
    used[id] = store ? lives(value) : used[id];
    if (!used[id]) continue;
    for (ValueId operand : value.operands) used[operand] = true;
    for (auto [index, stride] : value.access.indirect) used[index] = true;
  }
  for (Stage &stage : kernel.stages) std::erase_if(stage.code, [&](ValueId id) { return !used[id]; });
  std::erase_if(kernel.stages, [](const Stage &stage) { return stage.code.empty(); });
  if (kernel.ordering && !loaded.count(root_of(buffers, kernel.ordering->result.buffer))) kernel.ordering.reset();
}

/// Edges of the order, kernel to kernel.
class Order {
public:
  explicit Order(size_t count) : after_(count) {}

  void add(int earlier, int later) {
    if (earlier != later) after_[later].insert(earlier);
  }
  auto directly() const {
    return [this](int kernel) -> const std::set<int> & { return after_[kernel]; };
  }
  bool depends(int later, int earlier) const { return comes_after(after_.size(), later, earlier, directly()); }
  std::vector<int> sorted() const {
    std::vector<int> result = in_order(after_.size(), directly());
    if (result.size() < after_.size()) throw ir::InternalError("kernels depend on each other in a circle");
    return result;
  }

private:
  std::vector<std::set<int>> after_;
};

/// Reads of what `buffer` is a place of only the very element that it writes, and before it does, so that it may write in place.
bool in_place(const Kernel &kernel, BufferId buffer, const std::function<bool(BufferId)> &is_same) {
  const Access *store = nullptr;
  for (const Instruction &value : kernel.values)
    if (value.code == Code::store && value.access.buffer == buffer) store = &value.access;
  auto same = [&](const Access &access) {
    std::vector<Size> a = access.strides, b = store->strides;
    a.resize(std::max(a.size(), b.size()));
    b.resize(a.size());
    return a == b && access.constant == store->constant && access.indirect.empty();
  };
  if (kernel.contraction && (is_same(kernel.contraction->a.buffer) || is_same(kernel.contraction->b.buffer))) return false;
  bool written = false;
  for (const Stage &stage : kernel.stages)
    for (ValueId id : stage.code) {
      const Instruction &value = kernel.values[id];
      written |= &value.access == store;
      if (value.code == Code::load && is_same(value.access.buffer) && (written || !same(value.access))) return false;
    }
  return true;
}

Kernel copy_kernel(BufferId from, BufferId to, const std::vector<Buffer> &buffers, PlaceId place) {
  Kernel kernel;
  kernel.axes = {buffers[from].elements};
  kernel.place = place;
  kernel.values = {load_of(buffers[from].elem, {from, 0, {1}, {}}, place),
                   store_of(0, buffers[to].elem, {to, 0, {1}, {}}, place)};
  kernel.stages = {Stage{{}, {0, 1}}};
  return kernel;
}

} // namespace

void drop_dead_stores(std::vector<Task> &tasks, const std::vector<Buffer> &buffers) {
  for (size_t count = count_values(tasks) + 1; count != count_values(tasks);) {
    std::set<BufferId> loaded;
    for_each_kernel(tasks, [&](Kernel &kernel) { loaded.merge(traffic_of(kernel, buffers).reads); });
    count = count_values(tasks);
    for_each_kernel(tasks, [&](Kernel &kernel) { keep_used(kernel, loaded, buffers); });
    drop_empty(tasks);
  }
}

namespace {

/// The tasks within a loop (-1: of the entry) in order. `carried`: by it.
std::vector<Task> ordered(std::vector<Task> tasks, int loop, const std::set<BufferId> &carried, std::vector<Buffer> &buffers) {
  for (Task &task : tasks)
    if (task.loop >= 0) task.body = ordered(std::move(task.body), task.loop, task.carried, buffers);
  std::vector<Traffic> traffic;
  for (const Task &task : tasks) traffic.push_back(traffic_of(task, loop, buffers));
  const size_t count = tasks.size();
  Order order(count);
  auto is_kept = [&](BufferId id) { return buffers[id].space == Space::state || carried.contains(id); };
  std::map<BufferId, std::vector<int>> writers;
  for (size_t task = 0; task < count; ++task)
    for (BufferId buffer : traffic[task].writes) {
      // Writers of one buffer (zeros, then what is added) keep the order in which they were made.
      for (int earlier : writers[buffer]) order.add(earlier, static_cast<int>(task));
      writers[buffer].push_back(static_cast<int>(task));
    }
  for (size_t task = 0; task < count; ++task)
    for (BufferId buffer : traffic[task].reads) {
      if (buffers[buffer].space != Space::arena || is_kept(buffer)) continue;
      bool writes_too = traffic[task].writes.count(buffer) > 0;
      for (int writer : writers[buffer])
        if (!writes_too) order.add(writer, static_cast<int>(task));
    }

  // What is one thing to its readers: a tensor, wherever a buffer of it is, or what is carried.
  auto thing = [&](BufferId id) {
    const BufferId root = root_of(buffers, id);
    const bool tensor = buffers[root].space == Space::state;
    return std::pair(tensor, tensor ? buffers[root].number : root);
  };
  std::map<std::pair<bool, int>, std::vector<int>> readers_of; // a task once for each buffer of it that it reads
  for (size_t task = 0; task < count; ++task)
    for (BufferId buffer : traffic[task].reads)
      if (is_kept(buffer)) readers_of[thing(buffer)].push_back(static_cast<int>(task));

  std::vector<Task> copies;
  for (size_t task = 0; task < count; ++task)
    for (BufferId buffer : std::vector<BufferId>(traffic[task].writes.begin(), traffic[task].writes.end())) {
      if (!is_kept(buffer)) continue;
      auto is_same = [&](BufferId other) { return thing(other) == thing(buffer); };
      std::vector<int> readers;
      for (int other : readers_of[thing(buffer)])
        if (other != static_cast<int>(task)) readers.push_back(other);
      bool free =
          tasks[task].loop < 0 && in_place(tasks[task].kernel, buffer, is_same) &&
          std::none_of(readers.begin(), readers.end(), [&](int reader) { return order.depends(reader, static_cast<int>(task)); });
      if (free) {
        for (int reader : readers) order.add(reader, static_cast<int>(task));
        continue;
      }
      if (tasks[task].loop >= 0) throw ir::InternalError("a loop writes a tensor in place");
      Buffer scratch = buffers[buffer];
      scratch.space = Space::arena;
      scratch.offset = 0;
      scratch.label += "'";
      buffers.push_back(scratch);
      BufferId made = static_cast<BufferId>(buffers.size() - 1);
      for (Instruction &value : tasks[task].kernel.values)
        if (value.code == Code::store && value.access.buffer == buffer) value.access.buffer = made;
      copies.push_back({copy_kernel(made, buffer, buffers, tasks[task].kernel.place), -1, {}, {}});
    }

  std::vector<Task> sorted;
  for (int task : order.sorted()) sorted.push_back(std::move(tasks[task]));
  std::move(copies.begin(), copies.end(), std::back_inserter(sorted));
  return sorted;
}

void flatten(std::vector<Task> tasks, Entry &entry) {
  for (Task &task : tasks) {
    if (task.loop < 0) {
      entry.kernels.push_back(std::move(task.kernel));
      continue;
    }
    entry.loops[task.loop].first = static_cast<int>(entry.kernels.size());
    flatten(std::move(task.body), entry);
    entry.loops[task.loop].last = static_cast<int>(entry.kernels.size());
  }
}

} // namespace

void schedule(std::vector<Task> tasks, Entry &entry) { flatten(ordered(std::move(tasks), -1, {}, entry.buffers), entry); }

namespace {

/// Whether two buffers share memory in the same turn.
bool overlap(const std::vector<Buffer> &buffers, BufferId first, BufferId second) {
  const Buffer &one = buffers[first], &other = buffers[second];
  if (one.whole >= 0 && one.whole == other.whole && one.moves == other.moves) { // one row after the other?
    const Size &step = one.moves.back().second;
    if (one.start + step == other.start || other.start + step == one.start) return false;
  }
  const Buffer &a = memory_of(buffers, first), &b = memory_of(buffers, second);
  if (a.space != b.space) return false;
  if (a.space == Space::state) return a.number == b.number;
  if (a.space != Space::arena) return a.space == Space::output && a.number == b.number;
  // Scratch of one power of B is one region; the top coefficient tells the stretch in it.
  int degree = 2;
  auto bytes = [](const Buffer &buffer) { return buffer.elements * Size(ir::bytes(buffer.elem)); };
  Size a_bytes = bytes(a), b_bytes = bytes(b);
  while (degree > 0 && a_bytes.c[degree] == 0 && b_bytes.c[degree] == 0) --degree;
  if (a_bytes.c[degree] == 0 || b_bytes.c[degree] == 0) return false;
  return a.offset.c[degree] < b.offset.c[degree] + b_bytes.c[degree] &&
         b.offset.c[degree] < a.offset.c[degree] + a_bytes.c[degree];
}

} // namespace

void place_barriers(Entry &entry) {
  std::set<BufferId> reads, writes;
  auto meet = [&](const std::set<BufferId> &a, const std::set<BufferId> &b) {
    for (BufferId x : a)
      for (BufferId y : b)
        if (overlap(entry.buffers, x, y)) return true;
    return false;
  };
  std::set<int> begins = {0}; // a turn comes after the one before it
  for (const TurnLoop &loop : entry.loops) begins.insert(loop.first);
  for (int number = 0; number < static_cast<int>(entry.kernels.size()); ++number) {
    Kernel &kernel = entry.kernels[number];
    Traffic traffic = traffic_of(kernel, entry.buffers, [](BufferId id) { return id; });
    kernel.barrier_before =
        begins.contains(number) || meet(traffic.reads, writes) || meet(traffic.writes, writes) || meet(traffic.writes, reads);
    if (kernel.barrier_before) reads.clear(), writes.clear();
    reads.insert(traffic.reads.begin(), traffic.reads.end());
    writes.insert(traffic.writes.begin(), traffic.writes.end());
  }
}

} // namespace nnc::codegen
