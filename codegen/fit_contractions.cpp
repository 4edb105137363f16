#include "codegen/fit_contractions.h"

#include "codegen/contraction_plan.h"
#include "codegen/slab_panels.h"

#include <algorithm>
#include <map>

namespace nnc::codegen {

namespace {

class ContractionFitting {
public:
  ContractionFitting(std::vector<Task> &tasks, Entry &entry, const Processor &target)
      : entry_(entry), buffers_(entry.buffers), loops_(entry.loops), target_(target), levels_{{&tasks, {}, -1, 1}} {
    visit(tasks);
    for (auto &[tasks_of_level, packings] : made_)
      tasks_of_level->insert(tasks_of_level->end(), std::make_move_iterator(packings.begin()),
                             std::make_move_iterator(packings.end()));
  }

private:
  /// The list of tasks of the entry or of a loop's body.
  struct Level {
    std::vector<Task> *tasks;
    std::set<BufferId> written; // by the loop, as a whole
    int loop;
    int64_t turns;
  };
  struct Packed {
    std::vector<Task> *tasks;
    Packing packing;
  };

  void visit(std::vector<Task> &tasks) {
    for (Task &task : tasks) {
      if (task.loop >= 0) {
        levels_.push_back({&task.body, written(task.body), task.loop, loops_[task.loop].turns});
        visit(task.body);
        levels_.pop_back();
      } else if (task.kernel.contraction) {
        task.kernel = arrange_contraction(task.kernel, target_);
        if (can_pack(task.kernel)) pack(task.kernel);
      } else if (!task.kernel.steps.empty()) {
        pack_for_turns(task.kernel, entry_, target_);
      }
    }
  }

  std::set<BufferId> written(const std::vector<Task> &tasks) const {
    std::set<BufferId> all;
    for (const Task &task : tasks) all.merge(task.loop >= 0 ? written(task.body) : traffic_of(task.kernel, buffers_).writes);
    return all;
  }

  /// The outermost level at which `buffer` is what it is in the contraction's turn.
  size_t level_of(BufferId buffer) const {
    const Buffer &b = buffers_[buffer];
    const BufferId whole = b.whole < 0 ? buffer : b.whole;
    size_t level = levels_.size() - 1;
    for (; level > 0; --level) {
      if (levels_[level].written.contains(whole)) break;
      if (std::any_of(b.moves.begin(), b.moves.end(), [&](auto &move) { return move.first == levels_[level].loop; })) break;
    }
    return level;
  }

  void pack(Kernel &kernel) {
    Contraction &c = *kernel.contraction;
    const size_t outer = kernel.axes.size(), level = level_of(c.b.buffer);
    int64_t rows = usual_extent(c.m);
    for (const Size &extent : kernel.axes) rows *= usual_extent(extent);
    for (size_t loop = level + 1; loop < levels_.size(); ++loop) rows *= levels_[loop].turns;
    // A copy that all threads wait for, and that leaves the caches before its last columns are read, must serve for many rows.
    constexpr int64_t many_rows = 512;
    if (rows < many_rows) return;
    const bool is_contiguous = stride_of(c.b, outer + 1) == Size(1);
    if (is_contiguous && plan_contraction(kernel, target_).a_pitch) return; // its chunks are short

    if (has_plain_sums(kernel)) walk_upwards(kernel);
    const ContractionPlan plan = plan_contraction(kernel, target_);
    Packing packing{
        c.n, c.k,   int64_t{plan.width} * plan.tile.vectors, {c.b.buffer, c.b.constant, {stride_of(c.b, outer + 1)}, {}},
        0,   c.elem};
    for (size_t axis = 0; axis < c.k.size(); ++axis) packing.from.strides.push_back(stride_of(c.b, outer + 2 + axis));
    const BufferId panels = packed(*levels_[level].tasks, std::move(packing), kernel.place);
    c.panel = int64_t{plan.width} * plan.tile.vectors;
    c.b = {panels, 0, std::vector<Size>(outer + 2 + c.k.size()), {}};
    Size along_k(c.panel);
    for (size_t axis = c.k.size(); axis-- > 0;) {
      c.b.strides[outer + 2 + axis] = along_k;
      along_k = along_k * c.k[axis];
    }
    if (has_plain_sums(kernel)) merge_summed_axes(kernel);
  }

  /// Only the operands themselves move along the summed axes.
  static bool has_plain_sums(const Kernel &kernel) {
    const size_t first = kernel.axes.size() + 2;
    return kernel.contraction->a.indirect.empty() && std::none_of(kernel.values.begin(), kernel.values.end(), [&](auto &value) {
             return value.access.strides.size() > first || (value.code == Code::axis && value.axis >= static_cast<int>(first));
           });
  }

  /// Summed axes along which a is walked backwards, as the window of a convolution's data gradient, are taken the other way round.
  static void walk_upwards(Kernel &kernel) {
    Contraction &c = *kernel.contraction;
    const size_t first = kernel.axes.size() + 2;
    c.a.strides.resize(first + c.k.size()), c.b.strides.resize(first + c.k.size());
    for (size_t axis = 0; axis < c.k.size(); ++axis) {
      if (c.a.strides[first + axis].at(1) >= 0) continue;
      for (Access *access : {&c.a, &c.b}) {
        Size &stride = access->strides[first + axis];
        access->constant = access->constant + stride * (c.k[axis] + Size(-1));
        stride = stride * Size(-1);
      }
    }
  }

  /// Panels are walked evenly; summed axes that a walks evenly too become one.
  static void merge_summed_axes(Kernel &kernel) {
    Contraction &c = *kernel.contraction;
    const size_t first = kernel.axes.size() + 2;
    c.a.strides.resize(first + c.k.size());
    for (size_t axis = c.k.size() - 1; axis > 0; --axis) {
      const size_t inner = first + axis, outer = inner - 1;
      if (!(c.a.strides[outer] == c.k[axis] * c.a.strides[inner])) continue;
      c.k[axis - 1] = c.k[axis - 1] * c.k[axis];
      c.k.erase(c.k.begin() + static_cast<std::ptrdiff_t>(axis));
      for (Access *access : {&c.a, &c.b}) access->strides.erase(access->strides.begin() + static_cast<std::ptrdiff_t>(outer));
    }
  }

  /// The panels, made once for all that read the same ones.
  BufferId packed(std::vector<Task> &tasks, Packing packing, PlaceId place) {
    for (const Packed &known : packed_) {
      const Packing &p = known.packing;
      if (known.tasks == &tasks && p.n == packing.n && p.k == packing.k && p.width == packing.width && p.elem == packing.elem &&
          p.from.buffer == packing.from.buffer && p.from.constant == packing.from.constant &&
          p.from.strides == packing.from.strides)
        return p.to;
    }
    Size elements((packing.n.c[0] + packing.width - 1) / packing.width * packing.width);
    for (const Size &extent : packing.k) elements = elements * extent;
    packing.to = static_cast<BufferId>(buffers_.size());
    buffers_.push_back({Space::arena, 0, 0, packing.elem, elements, buffers_[packing.from.buffer].label + " in panels"});
    packed_.push_back({&tasks, packing});
    Kernel kernel;
    kernel.place = place;
    kernel.packing = std::move(packing);
    made_[&tasks].push_back({std::move(kernel), -1, {}, {}});
    return static_cast<BufferId>(buffers_.size()) - 1;
  }

  Entry &entry_;
  std::vector<Buffer> &buffers_;
  const std::vector<TurnLoop> &loops_;
  const Processor &target_;
  std::vector<Level> levels_;
  std::vector<Packed> packed_;
  std::map<std::vector<Task> *, std::vector<Task>> made_;
};

} // namespace

void fit_contractions(std::vector<Task> &tasks, Entry &entry, const Processor &target) {
  ContractionFitting(tasks, entry, target);
}

} // namespace nnc::codegen
