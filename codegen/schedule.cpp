#include "codegen/schedule.h"

#include "ir/builder.h"

#include <algorithm>
#include <map>

namespace nnc::codegen {

Traffic traffic_of(const Kernel &kernel) {
  Traffic traffic;
  for (const Stage &stage : kernel.stages)
    for (ValueId id : stage.code) {
      const Instruction &value = kernel.values[id];
      if (value.code == Code::load || value.code == Code::store_add) traffic.reads.insert(value.access.buffer);
      if (value.code == Code::store || value.code == Code::store_add) traffic.writes.insert(value.access.buffer);
    }
  if (kernel.contraction) traffic.reads.insert({kernel.contraction->a.buffer, kernel.contraction->b.buffer});
  if (kernel.ordering) {
    traffic.reads.insert(kernel.ordering->keys.buffer);
    traffic.writes.insert(kernel.ordering->result.buffer);
  }
  return traffic;
}

namespace {

/// Drops the values that only dead stores used.
void keep_used(Kernel &kernel, const std::set<BufferId> &loaded, const std::vector<Buffer> &buffers) {
  std::vector<bool> used(kernel.values.size(), false);
  auto lives = [&](const Instruction &value) {
    if (value.code == Code::store_add) return true;
    return value.code == Code::store && (buffers[value.access.buffer].space != Space::arena || loaded.count(value.access.buffer));
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
  if (kernel.ordering && !loaded.count(kernel.ordering->result.buffer)) kernel.ordering.reset();
}

/// Edges of the order, kernel to kernel.
class Order {
public:
  explicit Order(size_t count) : after_(count) {}

  void add(int earlier, int later) {
    if (earlier != later) after_[later].insert(earlier);
  }
  bool depends(int later, int earlier) const {
    std::vector<bool> seen(after_.size(), false);
    std::vector<int> work = {later};
    while (!work.empty()) {
      int kernel = work.back();
      work.pop_back();
      if (kernel == earlier) return true;
      if (seen[kernel]) continue;
      seen[kernel] = true;
      work.insert(work.end(), after_[kernel].begin(), after_[kernel].end());
    }
    return false;
  }
  /// Of all that are ready always the one that was made first.
  std::vector<int> sorted() const {
    std::vector<int> result;
    std::vector<bool> done(after_.size(), false);
    while (result.size() < after_.size()) {
      size_t before = result.size();
      for (size_t kernel = 0; kernel < after_.size(); ++kernel) {
        if (done[kernel] || !std::all_of(after_[kernel].begin(), after_[kernel].end(), [&](int other) { return done[other]; }))
          continue;
        done[kernel] = true;
        result.push_back(static_cast<int>(kernel));
        break;
      }
      if (result.size() == before) throw ir::InternalError("kernels depend on each other in a circle");
    }
    return result;
  }

private:
  std::vector<std::set<int>> after_;
};

/// Reads of the tensor only the very element that it writes, and before it does, so that it may write in place.
bool in_place(const Kernel &kernel, const std::vector<Buffer> &buffers, int tensor) {
  const Access *store = nullptr;
  for (const Instruction &value : kernel.values)
    if (value.code == Code::store && buffers[value.access.buffer].space == Space::state &&
        buffers[value.access.buffer].number == tensor)
      store = &value.access;
  auto same = [&](const Access &access) {
    std::vector<Size> a = access.strides, b = store->strides;
    a.resize(std::max(a.size(), b.size()));
    b.resize(a.size());
    return a == b && access.constant == store->constant && access.indirect.empty();
  };
  auto is_tensor = [&](BufferId id) { return buffers[id].space == Space::state && buffers[id].number == tensor; };
  if (kernel.contraction && (is_tensor(kernel.contraction->a.buffer) || is_tensor(kernel.contraction->b.buffer))) return false;
  bool written = false;
  for (const Stage &stage : kernel.stages)
    for (ValueId id : stage.code) {
      const Instruction &value = kernel.values[id];
      written |= &value.access == store;
      if (value.code == Code::load && is_tensor(value.access.buffer) && (written || !same(value.access))) return false;
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

void drop_dead_stores(Entry &entry) {
  for (size_t count = entry.kernels.size() + 1; count != entry.kernels.size();) {
    std::set<BufferId> loaded;
    for (const Kernel &kernel : entry.kernels) {
      Traffic traffic = traffic_of(kernel);
      loaded.insert(traffic.reads.begin(), traffic.reads.end());
    }
    count = entry.kernels.size();
    for (Kernel &kernel : entry.kernels) keep_used(kernel, loaded, entry.buffers);
    std::erase_if(entry.kernels, [](const Kernel &kernel) { return kernel.stages.empty() && !kernel.ordering; });
  }
}

void schedule(Entry &entry) {
  std::vector<Traffic> traffic;
  for (const Kernel &kernel : entry.kernels) traffic.push_back(traffic_of(kernel));
  const size_t count = entry.kernels.size();
  Order order(count);
  std::map<BufferId, std::vector<int>> writers;
  for (size_t kernel = 0; kernel < count; ++kernel)
    for (BufferId buffer : traffic[kernel].writes) {
      // Writers of one buffer (zeros, then what is added) keep the order in which they were made.
      for (int earlier : writers[buffer]) order.add(earlier, static_cast<int>(kernel));
      writers[buffer].push_back(static_cast<int>(kernel));
    }
  for (size_t kernel = 0; kernel < count; ++kernel)
    for (BufferId buffer : traffic[kernel].reads) {
      if (entry.buffers[buffer].space != Space::arena) continue;
      bool writes_too = traffic[kernel].writes.count(buffer) > 0;
      for (int writer : writers[buffer])
        if (!writes_too) order.add(writer, static_cast<int>(kernel));
    }

  std::vector<Kernel> copies;
  for (size_t kernel = 0; kernel < count; ++kernel)
    for (BufferId buffer : std::vector<BufferId>(traffic[kernel].writes.begin(), traffic[kernel].writes.end())) {
      if (entry.buffers[buffer].space != Space::state) continue;
      const int tensor = entry.buffers[buffer].number;
      std::vector<int> readers;
      for (size_t other = 0; other < count; ++other)
        for (BufferId read : traffic[other].reads)
          if (other != kernel && entry.buffers[read].space == Space::state && entry.buffers[read].number == tensor)
            readers.push_back(static_cast<int>(other));
      bool free = in_place(entry.kernels[kernel], entry.buffers, tensor) &&
                  std::none_of(readers.begin(), readers.end(),
                               [&](int reader) { return order.depends(reader, static_cast<int>(kernel)); });
      if (free) {
        for (int reader : readers) order.add(reader, static_cast<int>(kernel));
        continue;
      }
      Buffer scratch = entry.buffers[buffer];
      scratch.space = Space::arena;
      scratch.offset = 0;
      scratch.label += "'";
      entry.buffers.push_back(scratch);
      BufferId made = static_cast<BufferId>(entry.buffers.size() - 1);
      for (Instruction &value : entry.kernels[kernel].values)
        if (value.code == Code::store && value.access.buffer == buffer) value.access.buffer = made;
      copies.push_back(copy_kernel(made, buffer, entry.buffers, entry.kernels[kernel].place));
    }

  std::vector<Kernel> sorted;
  for (int kernel : order.sorted()) sorted.push_back(std::move(entry.kernels[kernel]));
  std::move(copies.begin(), copies.end(), std::back_inserter(sorted));
  entry.kernels = std::move(sorted);
}

namespace {

/// Whether two buffers share memory.
bool overlap(const Buffer &a, const Buffer &b) {
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
        if (overlap(entry.buffers[x], entry.buffers[y])) return true;
    return false;
  };
  bool first = true;
  for (Kernel &kernel : entry.kernels) {
    Traffic traffic = traffic_of(kernel);
    kernel.barrier_before = first || meet(traffic.reads, writes) || meet(traffic.writes, writes) || meet(traffic.writes, reads);
    first = false;
    if (kernel.barrier_before) reads.clear(), writes.clear();
    reads.insert(traffic.reads.begin(), traffic.reads.end());
    writes.insert(traffic.writes.begin(), traffic.writes.end());
  }
}

} // namespace nnc::codegen
