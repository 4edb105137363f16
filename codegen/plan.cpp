#include "codegen/plan.h"

#include "codegen/schedule.h"
#include "ir/limits.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <set>

namespace nnc::codegen {
namespace {

/// A buffer from the first kernel that writes it to the last that uses it.
struct Lifetime {
  BufferId buffer;
  int first, last;
  int64_t units; // bytes, to be multiplied by B^p; rounded up to whole cache lines
  int64_t offset = 0;
};

constexpr int64_t line = 64;

/// First fit, the largest first: the lowest offset where no buffer alive at the same time lies. Gives the region's size.
int64_t place(std::vector<Lifetime> &region) {
  std::stable_sort(region.begin(), region.end(), [](const Lifetime &a, const Lifetime &b) { return a.units > b.units; });
  int64_t size = 0;
  for (size_t i = 0; i < region.size(); ++i) {
    std::vector<std::pair<int64_t, int64_t>> taken;
    for (size_t j = 0; j < i; ++j)
      if (region[j].first <= region[i].last && region[i].first <= region[j].last)
        taken.emplace_back(region[j].offset, region[j].offset + region[j].units);
    std::sort(taken.begin(), taken.end());
    for (auto [begin, end] : taken)
      if (region[i].offset + region[i].units > begin) region[i].offset = std::max(region[i].offset, end);
    size = std::max(size, region[i].offset + region[i].units);
  }
  return size;
}

/// The node whose value the kernel puts into that memory.
PlaceId place_of(const Kernel &kernel, const std::vector<Buffer> &buffers, BufferId written) {
  for (const Instruction &value : kernel.values) {
    if (value.code != Code::store && value.code != Code::store_add) continue;
    if (&memory_of(buffers, value.access.buffer) == &buffers[written]) return value.place;
  }
  return kernel.place;
}

/// What slabs and fused kernels leave no trace of in memory may be as large as it likes; what is written must fit.
void check_sizes(const Entry &entry) {
  for (const Kernel &kernel : entry.kernels)
    for (BufferId written : traffic_of(kernel, entry.buffers).writes)
      for (int64_t elements : entry.buffers[written].elements.c)
        if (elements > ir::most_in_memory) throw TooLarge(place_of(kernel, entry.buffers, written), elements);
}

/// Marks the tensors that are out of the second-level cache before they are read again, a mini-batch being taken for an ordinary one: writing these
/// past the caches spares reading their lines first, which costs more than that their first reader has it further. What the kernel that writes it reads is in the cache anyway.
void stream_large(Entry &entry) {
  constexpr int64_t large = 8 << 20;
  std::set<BufferId> read_back; // by a kernel that writes it
  for (const Kernel &kernel : entry.kernels) {
    const Traffic traffic = traffic_of(kernel, entry.buffers);
    std::set_intersection(traffic.reads.begin(), traffic.reads.end(), traffic.writes.begin(), traffic.writes.end(),
                          std::inserter(read_back, read_back.end()));
  }
  for (size_t id = 0; id < entry.buffers.size(); ++id) {
    Buffer &buffer = entry.buffers[id];
    const bool is_whole = buffer.space == Space::arena && buffer.whole < 0 && !read_back.contains(static_cast<BufferId>(id));
    buffer.streamed = is_whole && buffer.elements.at(ir::usual_examples) * ir::bytes(buffer.elem) >= large;
  }
}

} // namespace

TooLarge::TooLarge(PlaceId place, int64_t elements)
    : std::runtime_error(fmt::format("a tensor in memory of {} elements", elements)), place(place), elements(elements) {}

void plan_memory(Entry &entry) {
  check_sizes(entry);
  std::vector<Lifetime> lifetimes(entry.buffers.size(), {-1, 0, 0, 0});
  for (int kernel = 0; kernel < static_cast<int>(entry.kernels.size()); ++kernel) {
    Traffic traffic = traffic_of(entry.kernels[kernel], entry.buffers);
    for (const auto *buffers : {&traffic.reads, &traffic.writes})
      for (BufferId buffer : *buffers) {
        if (entry.buffers[buffer].space != Space::arena) continue;
        if (lifetimes[buffer].buffer < 0) lifetimes[buffer] = {buffer, kernel, kernel, 0};
        lifetimes[buffer].last = kernel;
      }
  }
  // What a loop uses and is used outside of it is alive in every turn. Loops within others come first.
  for (size_t number = entry.loops.size(); number-- > 0;) {
    const TurnLoop &loop = entry.loops[number];
    for (Lifetime &lifetime : lifetimes) {
      const bool within = loop.first <= lifetime.first && lifetime.last < loop.last;
      const bool apart = lifetime.last < loop.first || loop.last <= lifetime.first;
      if (lifetime.buffer < 0 || within || apart) continue;
      lifetime.first = std::min(lifetime.first, loop.first);
      lifetime.last = std::max(lifetime.last, loop.last - 1);
    }
  }
  stream_large(entry);
  Size base;
  for (int power = 0; power < 3; ++power) {
    std::vector<Lifetime> region;
    for (Lifetime &lifetime : lifetimes) {
      if (lifetime.buffer < 0) continue;
      const Buffer &buffer = entry.buffers[lifetime.buffer];
      Size bytes = buffer.elements * Size(ir::bytes(buffer.elem));
      if (bytes.c[power] == 0) continue;
      lifetime.units = (bytes.c[power] + line - 1) / line * line;
      region.push_back(lifetime);
    }
    int64_t size = place(region);
    for (const Lifetime &lifetime : region) entry.buffers[lifetime.buffer].offset = base + Size::power(lifetime.offset, power);
    base = base + Size::power(size, power);
  }
  entry.arena_bytes = base;
  for (Buffer &row : entry.buffers)
    if (row.whole >= 0) row.offset = entry.buffers[row.whole].offset + row.start * Size(ir::bytes(row.elem));
}

} // namespace nnc::codegen
