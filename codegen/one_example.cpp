#include "codegen/one_example.h"

#include "codegen/make_entry.h"
#include "codegen/schedule.h"
#include "ir/builder.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace nnc::codegen {
namespace {

constexpr size_t longest_joined = 1000; // values of a kernel: the time that LLVM takes does not grow evenly

void know(Size &size) { size = Size(size.at(1)); }

/// A nest with 1 for B.
class KnownExtents {
public:
  explicit KnownExtents(Kernel &kernel) : kernel_(kernel) {}

  void run() {
    const std::vector<bool> outer = known(kernel_.axes, false);
    for (Stage &stage : kernel_.stages) {
      const std::vector<bool> inner = known(stage.axes, kernel_.lanes == Lanes::inner);
      std::vector<bool> all = outer;
      all.insert(all.end(), inner.begin(), inner.end());
      for (ValueId id : stage.code) change(kernel_.values[id], all);
      drop(stage.axes, inner);
    }
    drop(kernel_.axes, outer);
  }

private:
  /// Gives the axes the extents that they have for B = 1; true for those that go, since they are of one point. In what order lanes add depends on
  /// the last axis: where it has lanes it stays, and if it has several points, with B.
  static std::vector<bool> known(std::vector<Size> &axes, bool has_lanes) {
    std::vector<bool> goes;
    for (const Size &axis : axes) goes.push_back(axis.at(1) == 1);
    const bool all_go = std::find(goes.begin(), goes.end(), false) == goes.end();
    for (size_t axis = 0; axis < axes.size(); ++axis) {
      const bool is_lanes = has_lanes && !all_go && axis + 1 == axes.size();
      if (!is_lanes || goes[axis]) know(axes[axis]);
      goes[axis] = goes[axis] && !is_lanes;
    }
    return goes;
  }

  template <typename T> static void drop(std::vector<T> &list, const std::vector<bool> &is_dropped) {
    size_t at = 0;
    std::erase_if(list, [&](const T &) { return is_dropped[at++]; });
  }

  static void change(Instruction &value, const std::vector<bool> &is_dropped) {
    Access &access = value.access;
    know(access.constant);
    for (Size &stride : access.strides) know(stride);
    for (auto &[index, stride] : access.indirect) know(stride);
    drop(access.strides, is_dropped);
    const bool is_count = value.code == Code::call_value && value.input == ir::InputKind::examples;
    const bool is_only = value.code == Code::axis && is_dropped[static_cast<size_t>(value.axis)];
    if (is_count || is_only)
      value.code = Code::constant, value.value = is_count ? 1 : 0;
    else if (value.code == Code::axis)
      value.axis -= static_cast<int>(std::count(is_dropped.begin(), is_dropped.begin() + value.axis, true));
  }

  Kernel &kernel_;
};

/// `next` behind the code of `kernel`.
void append(Kernel &kernel, const Kernel &next) {
  const auto first = static_cast<ValueId>(kernel.values.size());
  for (Instruction value : next.values) {
    for (ValueId &operand : value.operands) operand += first;
    for (auto &[index, stride] : value.access.indirect) index += first;
    kernel.values.push_back(std::move(value));
  }
  for (Stage stage : next.stages) {
    for (ValueId &id : stage.code) id += first;
    kernel.stages.push_back(std::move(stage));
  }
  kernel.lanes = Lanes::outer;
}

/// `number`: of each kernel in `kernels`, by its number before.
void replace_kernels(Entry &entry, std::vector<Kernel> kernels, std::vector<int> number) {
  number.push_back(static_cast<int>(kernels.size()));
  for (TurnLoop &loop : entry.loops) loop.first = number[loop.first], loop.last = number[loop.last];
  entry.kernels = std::move(kernels);
}

/// Points that follow each other in one turn of the same loops become one kernel.
void join_points(Entry &entry) {
  std::vector<Kernel> joined;
  std::vector<int> number;
  std::vector<bool> is_border(entry.kernels.size() + 1, false);
  for (const TurnLoop &loop : entry.loops) is_border[loop.first] = is_border[loop.last] = true;
  for (size_t kernel = 0; kernel < entry.kernels.size(); ++kernel) {
    Kernel &next = entry.kernels[kernel];
    const bool joins = !joined.empty() && !is_border[kernel] && is_point(next) && is_point(joined.back()) &&
                       joined.back().values.size() + next.values.size() <= longest_joined;
    if (joins)
      append(joined.back(), next);
    else
      joined.push_back(std::move(next));
    number.push_back(static_cast<int>(joined.size()) - 1);
  }
  replace_kernels(entry, std::move(joined), std::move(number));
}

/// What a point stores to scratch and loads again is the value.
void keep_in_registers(Kernel &kernel, const std::vector<Buffer> &buffers) {
  if (!is_point(kernel)) return;
  std::map<std::pair<BufferId, int64_t>, ValueId> stored;
  std::vector<ValueId> same(kernel.values.size());
  std::iota(same.begin(), same.end(), 0);
  auto visit = [&](ValueId id) {
    Instruction &value = kernel.values[id];
    for (ValueId &operand : value.operands) operand = same[operand];
    for (auto &[index, stride] : value.access.indirect) index = same[index];
    const bool is_plain = value.access.indirect.empty();
    const std::pair place(value.access.buffer, value.access.constant.at(1));
    if (value.code == Code::load) {
      const auto known = stored.find(place);
      if (!is_plain || known == stored.end()) return false;
      same[id] = known->second;
      return true;
    }
    if (value.code != Code::store && value.code != Code::store_add) return false;
    const BufferId whole = buffers[place.first].whole; // a row of it moves from turn to turn
    if (value.code == Code::store_add || !is_plain || whole >= 0)
      std::erase_if(stored, [&](const auto &entry) { return entry.first.first == (whole < 0 ? place.first : whole); });
    else if (buffers[place.first].space == Space::arena)
      stored[place] = value.operands[0];
    return false;
  };
  for (Stage &stage : kernel.stages) std::erase_if(stage.code, visit);
}

void drop_dead_stores(Entry &entry) {
  std::vector<Task> tasks;
  for (const Kernel &kernel : entry.kernels) tasks.push_back({kernel, -1, {}, {}});
  drop_dead_stores(tasks, entry.buffers);
  std::vector<int> number;
  std::vector<Kernel> left;
  for (const Kernel &kernel : entry.kernels) {
    number.push_back(static_cast<int>(left.size()));
    if (left.size() < tasks.size() && tasks[left.size()].kernel.name == kernel.name)
      left.push_back(std::move(tasks[left.size()].kernel));
  }
  replace_kernels(entry, std::move(left), std::move(number));
}

} // namespace

Entry for_one_example(Entry entry) {
  entry.name += "_one";
  for (Kernel &kernel : entry.kernels)
    if (is_nest(kernel)) KnownExtents(kernel).run();
  join_points(entry);
  for (Kernel &kernel : entry.kernels) keep_in_registers(kernel, entry.buffers);
  drop_dead_stores(entry);
  place_barriers(entry);
  finish_entry(entry);
  return entry;
}

} // namespace nnc::codegen
