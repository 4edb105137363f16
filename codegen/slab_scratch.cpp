#include "codegen/slab_scratch.h"

#include "codegen/cache.h"
#include "codegen/slab_axes.h"

#include <algorithm>

namespace nnc::codegen {

namespace {

/// A buffer's elements, and the kernels that touch it first and last.
struct Life {
  BufferId id;
  size_t first, last;
  int64_t elements = 0, bytes = 0;
};

std::vector<Life> lives_of(const std::vector<Kernel> &kernels, const std::set<BufferId> &ids, size_t around) {
  std::vector<Life> lives;
  for (size_t k = 0; k < kernels.size(); ++k)
    visit_accesses(kernels[k], [&](const Access &access, bool) {
      if (!ids.contains(access.buffer)) return;
      auto found = std::find_if(lives.begin(), lives.end(), [&](const Life &life) { return life.id == access.buffer; });
      if (found == lives.end()) found = lives.insert(found, {access.buffer, k, k});
      found->last = k;
      found->elements = std::max(found->elements, reach(kernels[k], access, around).value() + 1);
    });
  return lives;
}

/// Whether a kernel may write one buffer over the other, which nothing reads after it: it reads an element at the point where it writes that of the
/// same number, or before.
bool writes_over(const Kernel &kernel, BufferId written, BufferId read) {
  if (!is_nest(kernel)) return false;
  std::optional<Access> written_at;
  bool is_written = false;
  for (const Stage &stage : kernel.stages)
    for (ValueId id : stage.code) {
      const Instruction &value = kernel.values[id];
      const bool writes = value.code == Code::store || value.code == Code::store_add;
      const bool is_new = value.access.buffer == written, is_old = value.access.buffer == read;
      if ((!writes && value.code != Code::load) || (!is_new && !is_old)) continue;
      const Access &access = value.access;
      if (!written_at) written_at = access;
      const bool is_same = access.constant == written_at->constant && access.indirect.empty() && written_at->indirect.empty() &&
                           access.strides == written_at->strides;
      if (!is_same || (is_old && (writes || is_written)) || (is_new && !writes && !is_written)) return false;
      is_written |= is_new;
    }
  return is_written;
}

} // namespace

SlabScratch::SlabScratch(const std::vector<Kernel> &kernels, const std::set<BufferId> &ids, size_t around,
                         const std::optional<Rows> &rows, int64_t block_bytes, std::vector<Buffer> &buffers) {
  std::vector<Life> lives = lives_of(kernels, ids, around);
  for (size_t k = 0; rows && k < kernels.size(); ++k)
    visit_accesses(kernels[k], [&](const Access &access, bool) {
      if (!ids.contains(access.buffer)) return;
      const int64_t stride = stride_of(access, rows->axes[k]).c[0], size = ir::bytes(buffers[access.buffer].elem);
      pitch_[access.buffer] = stride + (stride * size % few_sets == 0 ? cache_line / size : 0);
    });
  // Places of the buffers, of which some share one, in bytes of a row or of the slab.
  struct Place {
    Life tenant;
    int64_t bytes, offset = 0;
  };
  std::vector<Place> places;
  std::map<BufferId, size_t> place_of;
  for (Life &life : lives) {
    life.bytes = (rows ? pitch_[life.id] : life.elements) * ir::bytes(buffers[life.id].elem);
    auto is_free = [&](const Place &place) {
      const Life &before = place.tenant;
      return place.bytes == life.bytes && buffers[before.id].elem == buffers[life.id].elem &&
             (before.last < life.first || (before.last == life.first && writes_over(kernels[life.first], life.id, before.id)));
    };
    auto place = std::find_if(places.begin(), places.end(), is_free);
    if (place == places.end()) place = places.insert(place, {life, life.bytes});
    place->tenant = life;
    place_of[life.id] = static_cast<size_t>(place - places.begin());
  }
  if (rows) {
    int64_t of_row = 0;
    for (const Place &place : places) of_row += place.bytes;
    const bool in_stretches = std::any_of(kernels.begin(), kernels.end(), [](const Kernel &k) { return k.triangle.has_value(); });
    const int64_t step = in_stretches ? triangle_stretch : 8;
    block = std::clamp(block_bytes / of_row / step * step, std::min(step, rows->count), rows->count);
  }
  for (Place &place : places) {
    place.offset = bytes;
    bytes += (place.bytes * (rows ? block : 1) + cache_line - 1) / cache_line * cache_line;
  }
  for (const Life &life : lives) {
    const int64_t elements = rows ? pitch_[life.id] * block : life.elements;
    buffers.push_back(
        {Space::slab, 0, places[place_of[life.id]].offset, buffers[life.id].elem, elements, buffers[life.id].label});
    moved_[life.id] = static_cast<BufferId>(buffers.size() - 1);
    own.insert(moved_[life.id]);
  }
}

void SlabScratch::move_into(std::vector<Kernel> &kernels, const std::optional<Rows> &rows) const {
  for (size_t k = 0; k < kernels.size(); ++k)
    visit_accesses(kernels[k], [&](Access &access, bool) {
      const auto found = moved_.find(access.buffer);
      if (found == moved_.end()) return;
      if (rows) access.strides[rows->axes[k]] = pitch_.at(access.buffer);
      access.buffer = found->second;
    });
}

} // namespace nnc::codegen
