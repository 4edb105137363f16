#include "codegen/slab_panels.h"

#include "codegen/contraction_plan.h"
#include "codegen/slab_axes.h"

#include <algorithm>
#include <set>

namespace nnc::codegen {

namespace {

constexpr int64_t most_bytes = 7 << 18; // of a slab's scratch with its panels, for the second-level cache

/// A product of a step without the axes around it. The buffer of each access is the number of its place: the buffer, and how it moves along those axes.
class Inside {
public:
  struct Place {
    BufferId buffer;
    std::vector<Size> moves;
    bool operator==(const Place &) const = default;
  };

  Inside(const Kernel &part, size_t around) : kernel(part), around_(around) {
    kernel.axes.erase(kernel.axes.begin(), kernel.axes.begin() + static_cast<std::ptrdiff_t>(around));
    renumber_axes(kernel, -static_cast<int>(around));
    each_access(kernel, [&](Access &access) {
      access.strides.resize(std::max(access.strides.size(), around));
      const auto begin = access.strides.begin(), own = begin + static_cast<std::ptrdiff_t>(around);
      const Place place{access.buffer, {begin, own}};
      access.strides.erase(begin, own);
      const auto known = std::find(places.begin(), places.end(), place);
      access.buffer = static_cast<BufferId>(known - places.begin());
      if (known == places.end()) places.push_back(place);
    });
  }

  /// With those axes again.
  Kernel within(const Kernel &part, Kernel inner) const {
    inner.axes.insert(inner.axes.begin(), part.axes.begin(), part.axes.begin() + static_cast<std::ptrdiff_t>(around_));
    renumber_axes(inner, static_cast<int>(around_));
    each_access(inner, [&](Access &access) { access = at(access); });
    return inner;
  }
  Access at(Access access) const {
    const Place &place = places[access.buffer];
    access.buffer = place.buffer;
    access.strides.insert(access.strides.begin(), place.moves.begin(), place.moves.end());
    return access;
  }

  Kernel kernel;
  std::vector<Place> places;

private:
  /// Also of values that the stages leave out.
  template <typename F> static void each_access(Kernel &kernel, F &&f) {
    for (Instruction &value : kernel.values)
      if (value.code == Code::load || value.code == Code::store || value.code == Code::store_add) f(value.access);
    f(kernel.contraction->a), f(kernel.contraction->b);
    if (kernel.triangle && kernel.triangle->first) f(*kernel.triangle->first);
  }
  static void renumber_axes(Kernel &kernel, int by) {
    for (Instruction &value : kernel.values)
      if (value.code == Code::axis) value.axis += by;
    if (kernel.triangle) kernel.triangle->row += by, kernel.triangle->column += by;
  }

  const size_t around_;
};

class TurnPanels {
public:
  TurnPanels(Kernel &whole, Entry &entry, const Processor &target)
      : whole_(whole), buffers_(entry.buffers), target_(target), around_(whole.axes.size() + 1) {}

  void make() {
    bool has_turns = false;
    for (const Step &step : whole_.steps) {
      has_turns |= step.turns > 1;
      for (const Kernel &part : step.kernels)
        visit_accesses(part, [&](const Access &access, bool writes) {
          if (writes) written_.insert(access.buffer);
        });
    }
    if (!has_turns) return;
    for (Step &step : whole_.steps)
      for (Kernel &part : step.kernels)
        if (part.contraction) fit(part);
    if (packings_.empty()) return;
    if (whole_.steps.front().turns > 1) whole_.steps.insert(whole_.steps.begin(), Step{});
    std::vector<Kernel> &first = whole_.steps.front().kernels;
    std::move(packings_.begin(), packings_.end(), std::back_inserter(first));
  }

private:
  void fit(Kernel &part) {
    const Inside inside(part, around_);
    Kernel arranged = arrange_contraction(inside.kernel, target_);
    Contraction &c = *arranged.contraction;
    const Inside::Place &place = inside.places[c.b.buffer];
    const bool is_still = place.moves.back().is_zero() && !written_.contains(place.buffer);
    const ContractionPlan plan = plan_contraction(arranged, target_);
    const int64_t width = int64_t{plan.width} * plan.tile.vectors;
    std::optional<BufferId> panels;
    if (is_still && can_pack(arranged) && plan.panel == Panel::own) panels = packed(c, inside.at(c.b), width, part.place);
    part = inside.within(part, std::move(arranged));
    if (!panels) return;
    Contraction &fitted = *part.contraction;
    fitted.panel = width;
    fitted.b = {*panels, 0, std::vector<Size>(around_ + 2 + fitted.k.size()), {}};
    Size along_k(width);
    for (size_t axis = fitted.k.size(); axis-- > 0;) {
      fitted.b.strides[around_ + 2 + axis] = along_k;
      along_k = along_k * fitted.k[axis];
    }
  }

  /// The panels of b, made once for all that read the same ones, if there is room for them.
  std::optional<BufferId> packed(const Contraction &c, Access b, int64_t width, PlaceId place) {
    b.strides.resize(around_ + 2 + c.k.size());
    b.strides.erase(b.strides.begin() + static_cast<std::ptrdiff_t>(around_)); // that of m
    for (const Kernel &known : packings_) {
      const Packing &p = *known.packing;
      if (p.n == c.n && p.k == c.k && p.width == width && p.elem == c.elem && p.from.buffer == b.buffer &&
          p.from.constant == b.constant && p.from.strides == b.strides)
        return p.to;
    }
    Size elements((c.n.c[0] + width - 1) / width * width);
    for (const Size &extent : c.k) elements = elements * extent;
    const int64_t bytes = (elements.c[0] * ir::bytes(c.elem) + 63) / 64 * 64;
    if (whole_.slab_bytes + bytes > most_bytes) return std::nullopt;
    const auto to = static_cast<BufferId>(buffers_.size());
    buffers_.push_back({Space::slab, 0, whole_.slab_bytes, c.elem, elements, buffers_[b.buffer].label + " in panels"});
    whole_.slab_bytes += bytes;
    Kernel kernel;
    kernel.axes = whole_.axes, kernel.place = place;
    kernel.axes.emplace_back(1);
    kernel.packing = Packing{c.n, c.k, width, std::move(b), to, c.elem};
    packings_.push_back(std::move(kernel));
    return to;
  }

  Kernel &whole_;
  std::vector<Buffer> &buffers_;
  const Processor &target_;
  const size_t around_;
  std::set<BufferId> written_; // by the steps
  std::vector<Kernel> packings_;
};

} // namespace

void pack_for_turns(Kernel &kernel, Entry &entry, const Processor &target) { TurnPanels(kernel, entry, target).make(); }

} // namespace nnc::codegen
