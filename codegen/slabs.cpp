#include "codegen/slabs.h"

#include "codegen/slab_axes.h"
#include "codegen/slab_blocks.h"
#include "codegen/slab_scratch.h"
#include "codegen/slab_triangle.h"
#include "codegen/task_order.h"
#include "ir/builder.h"

#include <algorithm>
#include <map>

namespace nnc::codegen {

namespace {

constexpr size_t most_steps = 16;

/// A product of operands that both differ from slab to slab, and whose result is larger than they are.
bool is_seed(const Kernel &kernel, int64_t least_product) {
  if (!kernel.contraction || kernel.axes.empty()) return false;
  const Contraction &c = *kernel.contraction;
  Size points = c.m * c.n;
  for (const Size &extent : c.k) points = points * extent;
  if (!points.is_constant()) return false;
  const int64_t m = c.m.c[0], n = c.n.c[0], k = points.c[0] / std::max<int64_t>(m * n, 1);
  if (m * n < (m + n) * k || points.c[0] < least_product) return false;
  for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
    if (stride_of(c.a, axis).is_zero() || stride_of(c.b, axis).is_zero()) return false;
  return true;
}

/// Buffers of what is computed again, with those of what it was first.
using Remade = std::map<BufferId, BufferId>;

/// Kernels that are to be steps, around the product that makes the first large tensor.
class Run {
public:
  Run(std::vector<Task> &tasks, int loop, Entry &entry, const std::set<BufferId> &carried, const SlabLimits &limits,
      Remade &remade)
      : units_(tasks), entry_(entry), buffers_(entry.buffers), carried_(carried), order_(tasks, loop, entry.buffers, carried),
        limits_(limits), remade_(remade) {}

  /// A run around task `seed`.
  bool grow(size_t seed) {
    const Kernel &kernel = units_[seed].kernel;
    slabs_ = kernel.axes;
    BufferId made = -1;
    visit_accesses(kernel, [&](const Access &access, bool writes) {
      if (writes) made = access.buffer;
    });
    if (made < 0) return false;
    elements_ = buffers_[made].elements;
    std::vector<Size> strides;
    visit_accesses(kernel, [&](const Access &access, bool writes) {
      if (writes && access.buffer == made && strides.empty())
        for (size_t axis = 0; axis < slabs_.size(); ++axis) strides.push_back(stride_of(access, axis));
    });
    if (!join(seed, made, strides)) return false;
    while (members_.size() < most_steps && join_any()) {
    }
    return members_.size() > 1;
  }

  /// Computes again, in kernels of their own, what tasks outside of the run read of its large tensors. True where there was such.
  bool remake() {
    std::set<BufferId> needed;
    for (BufferId buffer : written_)
      if (is_large(buffer) && !remade_.contains(buffer) && is_used_outside(buffer)) needed.insert(buffer);
    if (needed.empty() || is_used_in_loop(needed) || !(scratch_bytes(shared_) <= limits_.most_bytes || rows())) return false;
    std::vector<size_t> makers; // from the last to the first
    const std::vector<size_t> members = in_order();
    std::set<BufferId> wanted = needed;
    for (size_t k = members.size(); k-- > 0;) {
      const Traffic &traffic = order_.traffic[members[k]];
      const bool makes = std::any_of(wanted.begin(), wanted.end(), [&](BufferId id) { return traffic.writes.contains(id); });
      if (!makes) continue;
      makers.push_back(members[k]);
      for (BufferId id : traffic.reads)
        if (is_large(id) && written_.contains(id)) wanted.insert(id);
    }
    std::map<BufferId, BufferId> again;
    for (BufferId id : wanted) {
      Buffer copy = buffers_[id];
      copy.label += " again";
      buffers_.push_back(std::move(copy));
      again[id] = static_cast<BufferId>(buffers_.size() - 1);
      remade_[again[id]] = id;
    }
    auto renamed = [&](Kernel &kernel) {
      visit_accesses(kernel, [&](Access &access, bool) {
        if (auto found = again.find(access.buffer); found != again.end()) access.buffer = found->second;
      });
    };
    for (size_t task = 0; task < units_.size(); ++task)
      if (!members_.contains(task)) renamed(units_[task].kernel);
    std::vector<Task> copies;
    for (size_t k = makers.size(); k-- > 0;) {
      Task copy{units_[makers[k]].kernel, -1, {}, {}};
      renamed(copy.kernel);
      for (Stage &stage : copy.kernel.stages)
        std::erase_if(stage.code, [&](ValueId id) {
          Instruction &value = copy.kernel.values[id];
          auto is_again = [&](const auto &pair) { return pair.second == value.access.buffer; };
          if (value.code != Code::store || std::any_of(again.begin(), again.end(), is_again)) return false;
          value = instruction(Code::constant, value.elem, value.place);
          return true;
        });
      copies.push_back(std::move(copy));
    }
    std::move(copies.begin(), copies.end(), std::back_inserter(units_));
    return true;
  }

  /// The run as one kernel in the place of its kernels, where its scratch fits.
  bool replace() {
    const size_t around = slabs_.size() + 1;
    std::optional<Rows> rows;
    if (scratch_bytes(only_here()) > limits_.most_bytes && !(rows = this->rows())) return false;
    const std::set<BufferId> ids = only_here();
    if (std::none_of(ids.begin(), ids.end(), [&](BufferId id) { return is_large(id); })) return false;
    std::vector<Kernel> kernels = in_order_kernels();
    for (Kernel &kernel : kernels)
      visit_accesses(kernel, [&](Access &access, bool) {
        if (ids.contains(access.buffer)) access = within_slab(kernel, access, slabs_.size()).value();
      });
    find_triangle(kernels, ids, around);
    if (rows && !is_of_rows(kernels, *rows)) forget_triangle(kernels);
    const SlabScratch scratch(kernels, ids, around, rows, limits_.block_bytes, buffers_);
    Kernel whole;
    whole.axes = slabs_, whole.slab_bytes = scratch.bytes, whole.place = kernels.front().place;
    scratch.move_into(kernels, rows);
    if (rows)
      whole.steps = in_blocks(kernels, *rows, scratch.block, scratch.own, around, entry_);
    else
      whole.steps = {{1, std::move(kernels)}};
    const std::vector<size_t> members = in_order();
    units_[members.front()].kernel = std::move(whole);
    for (size_t k = members.size(); k-- > 1;) {
      units_[members[k]].kernel = {};
      units_[members[k]].kernel.stages.clear();
    }
    std::erase_if(units_, [](const Task &task) {
      return task.loop < 0 && task.kernel.stages.empty() && task.kernel.steps.empty() && !task.kernel.ordering &&
             !task.kernel.packing;
    });
    return true;
  }

private:
  /// What only members touch.
  std::set<BufferId> only_here() const {
    std::set<BufferId> ids = shared_;
    std::erase_if(ids, [&](BufferId id) { return is_used_outside(id); });
    return ids;
  }

  std::vector<Kernel> in_order_kernels() const {
    std::vector<Kernel> kernels;
    for (size_t task : in_order()) kernels.push_back(members_.at(task));
    return kernels;
  }
  /// The rows that blocks are of; kernels that only use what a sum over all rows gives leave the run where they are in the way.
  std::optional<Rows> rows() {
    auto found = find_rows(in_order_kernels(), shared_, slabs_.size() + 1);
    while (!found && leave_last()) found = find_rows(in_order_kernels(), shared_, slabs_.size() + 1);
    return found;
  }

  /// Without a member that touches nothing large and that no other needs.
  bool leave_last() {
    for (const auto &[task, kernel] : members_) {
      const Traffic &traffic = order_.traffic[task];
      auto large = [&](BufferId id) { return is_large(id); };
      const bool is_needed =
          std::any_of(members_.begin(), members_.end(), [&](const auto &other) { return order_.depends(other.first, task); });
      if (is_needed || std::any_of(traffic.reads.begin(), traffic.reads.end(), large) ||
          std::any_of(traffic.writes.begin(), traffic.writes.end(), large))
        continue;
      members_.erase(task);
      shared_ = shared_of(members_);
      return true;
    }
    return false;
  }

  /// What one of the members writes and others touch.
  std::set<BufferId> shared_of(const std::map<size_t, Kernel> &members) const {
    std::set<BufferId> shared;
    for (const auto &[writer, kernel_of_writer] : members)
      for (BufferId id : order_.traffic[writer].writes)
        for (const auto &[other, kernel_of_other] : members)
          if (other != writer && (order_.traffic[other].reads.contains(id) || order_.traffic[other].writes.contains(id)))
            shared.insert(id);
    return shared;
  }

  /// The greatest place that an access touches in the part of a buffer which is a slab's alone; none where that is not a fixed stretch.
  std::optional<int64_t> last_in_slab(const Kernel &kernel, const Access &access) const {
    const std::optional<Access> within = within_slab(kernel, access, slabs_.size());
    return within ? reach(kernel, *within, slabs_.size() + 1) : std::nullopt;
  }

  int64_t elements_in_slab(BufferId id) const {
    int64_t elements = 0;
    for (const auto &[task, kernel] : members_)
      visit_accesses(kernel, [&](const Access &access, bool) {
        if (access.buffer != id) return;
        elements = std::max(elements, last_in_slab(kernel, access).value() + 1);
      });
    return elements;
  }
  int64_t scratch_bytes(const std::set<BufferId> &ids) const {
    int64_t bytes = 0;
    for (BufferId id : ids) bytes += elements_in_slab(id) * ir::bytes(buffers_[id].elem);
    return bytes;
  }

  bool is_scratch(BufferId id) const { return codegen::is_scratch(buffers_, carried_, id); }
  bool is_large(BufferId id) const { return buffers_[id].elements == elements_; }

  bool is_used_outside(BufferId id) const {
    for (size_t task = 0; task < units_.size(); ++task) {
      const Traffic &traffic = order_.traffic[task];
      if (!members_.contains(task) && (traffic.reads.contains(id) || traffic.writes.contains(id))) return true;
    }
    return false;
  }

  bool is_used_in_loop(const std::set<BufferId> &ids) const {
    for (size_t task = 0; task < units_.size(); ++task)
      for (BufferId id : ids)
        if (units_[task].loop >= 0 && order_.traffic[task].reads.contains(id)) return true;
    return false;
  }

  /// One more task that touches what a member writes, or makes a large tensor that a member reads.
  bool join_any() {
    const std::map<BufferId, std::vector<Size>> strides = strides_;
    for (size_t task = 0; task < units_.size(); ++task) {
      if (members_.contains(task) || units_[task].loop >= 0) continue;
      const Traffic &traffic = order_.traffic[task];
      for (const auto &[buffer, along] : strides) {
        if (!is_scratch(buffer)) continue;
        const bool consumes = traffic.reads.contains(buffer) && written_.contains(buffer);
        const bool produces = traffic.writes.contains(buffer) && is_large(buffer);
        if ((consumes || produces) && join(task, buffer, along)) return true;
      }
    }
    return false;
  }

  /// Takes a task in whose slabs are where its accesses of `buffer` have these strides, if all that it has in common with the others fits.
  bool join(size_t task, BufferId buffer, const std::vector<Size> &strides) {
    const Kernel &kernel = units_[task].kernel;
    if (kernel.ordering || !kernel.steps.empty()) return false;
    bool plain = true;
    visit_accesses(kernel, [&](const Access &access, bool writes) {
      const bool fits = is_scratch(access.buffer) || buffers_[access.buffer].space == Space::output;
      plain = plain && (!writes || (fits && access.indirect.empty()));
    });
    for (const Instruction &value : kernel.values) plain = plain && value.code != Code::store_add;
    if (!plain) return false;
    if (makes_again(task)) return false;
    std::set<size_t> set{task};
    for (const auto &[member, of_member] : members_) set.insert(member);
    if (!order_.is_convex(set)) return false;
    std::optional<Kernel> turned = with_slabs_first(kernel, slabs_, buffer, strides);
    if (!turned) return false;

    std::map<size_t, Kernel> members = members_;
    members.emplace(task, std::move(*turned));
    std::map<BufferId, std::vector<Size>> along = strides_;
    const std::set<BufferId> shared = shared_of(members);
    bool fits = true;
    for (const auto &[number, member] : members)
      visit_accesses(member, [&](const Access &access, bool) {
        std::vector<Size> own;
        for (size_t axis = 0; axis < slabs_.size(); ++axis) own.push_back(stride_of(access, axis));
        const auto [found, is_new] = along.try_emplace(access.buffer, own);
        if (!shared.contains(access.buffer)) return; // what is only read may be read anyhow
        fits = fits && found->second == own && last_in_slab(member, access);
      });
    if (!fits) return false;
    members_ = std::move(members), strides_ = std::move(along), shared_ = shared;
    written_.insert(order_.traffic[task].writes.begin(), order_.traffic[task].writes.end());
    return true;
  }

  /// Whether the task and a member compute the same.
  bool makes_again(size_t task) const {
    for (BufferId id : order_.traffic[task].writes) {
      if (const auto found = remade_.find(id); found != remade_.end() && written_.contains(found->second)) return true;
      for (const auto &[again, first] : remade_)
        if (first == id && written_.contains(again)) return true;
    }
    return false;
  }

  /// The members, each after those that it needs.
  std::vector<size_t> in_order() const {
    std::set<size_t> members;
    for (const auto &[task, kernel] : members_) members.insert(task);
    return order_.in_order(members);
  }

  std::vector<Task> &units_;
  Entry &entry_;
  std::vector<Buffer> &buffers_;
  const std::set<BufferId> &carried_;
  const TaskOrder order_;
  const SlabLimits &limits_;
  Remade &remade_;
  SlabAxes slabs_;
  Size elements_;                                 // of a large tensor
  std::map<size_t, Kernel> members_;              // by task, with slabs first
  std::map<BufferId, std::vector<Size>> strides_; // along the slabs, of what members touch
  std::set<BufferId> written_;                    // by members
  std::set<BufferId> shared_;                     // what one member writes and others touch
};

/// What to look for, and where.
struct Search {
  Entry &entry;
  const SlabLimits &limits;
  Remade remade;

  bool is_seed(const Task &task) const { return task.loop < 0 && codegen::is_seed(task.kernel, limits.least_product); }

  /// Makes one run's large tensors again for others. True where there was one.
  bool remake(std::vector<Task> &tasks, int loop, const std::set<BufferId> &carried) {
    for (Task &task : tasks)
      if (remake(task.body, task.loop, task.carried)) return true;
    for (size_t seed = 0; seed < tasks.size(); ++seed) {
      if (!is_seed(tasks[seed])) continue;
      Run run(tasks, loop, entry, carried, limits, remade);
      if (run.grow(seed) && run.remake()) return true;
    }
    return false;
  }

  void replace(std::vector<Task> &tasks, int loop, const std::set<BufferId> &carried) {
    for (Task &task : tasks) replace(task.body, task.loop, task.carried);
    for (size_t seed = 0; seed < tasks.size(); ++seed) {
      if (!is_seed(tasks[seed])) continue;
      Run run(tasks, loop, entry, carried, limits, remade);
      if (run.grow(seed) && run.replace()) seed = static_cast<size_t>(-1); // the tasks have other numbers now
    }
  }
};

} // namespace

void form_slabs(std::vector<Task> &tasks, Entry &entry, const SlabLimits &limits) {
  Search search{entry, limits, {}};
  while (search.remake(tasks, -1, {})) drop_dead_stores(tasks, entry.buffers);
  search.replace(tasks, -1, {});
}

} // namespace nnc::codegen
