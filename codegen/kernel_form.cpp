#include "codegen/kernel_form.h"

#include "codegen/contraction_plan.h"
#include "codegen/count_through.h"
#include "ir/op.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

namespace nnc::codegen {

using ir::Elem;

namespace {

/// Whether two buffers never share a byte, for any number of examples.
bool apart(const Buffer &a, const Buffer &b) {
  if (a.space != b.space || a.number != b.number) return true;
  auto before = [](const Buffer &first, const Buffer &second) {
    Size end = first.offset + first.elements * Size(ir::bytes(first.elem));
    for (int i = 0; i < 3; ++i)
      if (second.offset.c[i] < end.c[i]) return false;
    return true;
  };
  return before(a, b) || before(b, a);
}

/// What `train` has one of for each step; an entry without steps has only turn 0, so that it shares `train`'s code.
Size bytes_per_turn(const Entry &entry, Space space) {
  switch (space) {
  case Space::rows: return Size::power(sizeof(int32_t), 1);
  case Space::costs: return Size(entry.costs * static_cast<int64_t>(sizeof(double)));
  case Space::reports: return Size(entry.reports * static_cast<int64_t>(sizeof(double)));
  default: return 0;
  }
}

/// The number of an element in a list, in which it is put where it is new.
template <typename T> size_t number_in(std::vector<T> &list, const T &element) {
  auto found = std::find(list.begin(), list.end(), element);
  if (found == list.end()) found = list.insert(found, element);
  return static_cast<size_t>(found - list.begin());
}

/// Takes a kernel apart into its form and its places.
class Abstraction {
public:
  Abstraction(const Entry &entry, const Kernel &kernel)
      : entry_(entry), from_(kernel), draws_(draws(kernel)), numbers_(kernel.values.size(), -1) {
    Kernel &to = form.kernel;
    to.name = kernel.name, to.axes = kernel.axes, to.lanes = kernel.lanes, to.place = kernel.place;
    for (const Stage &stage : kernel.stages) {
      to.stages.push_back({stage.axes, {}});
      for (ValueId id : stage.code)
        if (kernel.values[id].code != Code::constant) put(id);
    }
    if ((to.contraction = kernel.contraction)) {
      renumber(to.contraction->a);
      renumber(to.contraction->b);
    }
    if ((to.ordering = kernel.ordering)) {
      renumber(to.ordering->keys);
      renumber(to.ordering->result);
    }
    if ((to.triangle = kernel.triangle) && to.triangle->first) renumber(*to.triangle->first);
    if ((to.packing = kernel.packing)) {
      renumber(to.packing->from);
      to.packing->to = buffer(to.packing->to);
    }
    for (size_t id = 0; id < call.buffers.size(); ++id)
      for (BufferId other : call.buffers)
        form.buffers[id].apart.push_back(apart(memory_of(entry.buffers, call.buffers[id]), memory_of(entry.buffers, other)));
    form.numbers = static_cast<int>(call.numbers.size());
  }

  KernelForm form;
  KernelCall call;

private:
  BufferId buffer(BufferId id) {
    size_t number = number_in(call.buffers, id);
    if (number == form.buffers.size())
      form.buffers.push_back({entry_.buffers[id].elem,
                              bytes_per_turn(entry_, entry_.buffers[id].space),
                              {},
                              entry_.buffers[id].streamed,
                              entry_.buffers[id].space == Space::slab});
    return static_cast<BufferId>(number);
  }

  void renumber(Access &access) {
    access.buffer = buffer(access.buffer);
    for (auto &[index, stride] : access.indirect) index = value(index);
  }

  /// The new number of a value. Constants, which common subexpressions make one for all blocks of a network and so put anywhere, stand before
  /// their first use.
  ValueId value(ValueId id) {
    if (numbers_[id] < 0) from_.values[id].code == Code::constant ? put(id) : append(id);
    return numbers_[id];
  }

  void put(ValueId id) {
    append(id);
    form.kernel.stages.back().code.push_back(numbers_[id]);
  }

  void append(ValueId id) {
    Instruction made = from_.values[id];
    if (made.code == Code::scalar && made.operands.size() == 2 && ir::record(made.op).commutative &&
        from_.values[made.operands[0]].code == Code::constant)
      std::swap(made.operands[0], made.operands[1]);
    for (ValueId &operand : made.operands) operand = value(operand);
    if (made.code == Code::load || made.code == Code::store || made.code == Code::store_add) renumber(made.access);
    if (made.op == ir::Op::random_bits) made.random.path = number_in(call.numbers, made.random.path);
    if (draws_ && made.code == Code::constant && ir::is_float(made.elem)) give(made);
    form.kernel.values.push_back(std::move(made));
    numbers_[id] = static_cast<ValueId>(form.kernel.values.size()) - 1;
  }

  /// Each constant is a place of its own, so that no form depends on which are equal.
  void give(Instruction &constant) {
    constant.code = Code::given;
    double value = ir::round_to(constant.elem, constant.value);
    constant.value = static_cast<double>(call.numbers.size());
    call.numbers.push_back(std::bit_cast<uint64_t>(value));
  }

  const Entry &entry_;
  const Kernel &from_;
  const bool draws_;
  std::vector<ValueId> numbers_; // by old number; -1: not met yet
};

/// The buffer that holds the numbers of a slab along its axes, i32, and of the turn.
constexpr BufferId slab_point = -1;

/// A step's kernel at one point of the first axes: of each buffer a slice for each way in which it moves along them. Where the point is, is read from
/// behind the slab's scratch.
class Slices {
public:
  Slices(const Entry &from, const Kernel &part, size_t around, int64_t slab_bytes) : kernel(part), around_(around) {
    entry.name = from.name, entry.steps = from.steps, entry.costs = from.costs, entry.reports = from.reports;
    from_ = &from;
    for (Instruction &value : kernel.values) {
      if (value.code == Code::load || value.code == Code::store) slice(value.access);
      if (value.code != Code::axis) continue;
      if (value.axis >= static_cast<int>(around))
        value.axis -= static_cast<int>(around);
      else
        value = load_of(Elem::i32, {point(slab_bytes), value.axis, {}, {}}, value.place);
    }
    if (kernel.contraction) slice(kernel.contraction->a), slice(kernel.contraction->b);
    if (auto &p = kernel.packing) {
      Access to{p->to, 0, {}, {}};
      slice(p->from), slice(to);
      p->to = to.buffer;
    }
    if (auto &t = kernel.triangle) {
      t->row -= static_cast<int>(around), t->column -= static_cast<int>(around);
      if (t->first) slice(*t->first);
    }
    kernel.axes.erase(kernel.axes.begin(), kernel.axes.begin() + static_cast<std::ptrdiff_t>(around));
  }

  Entry entry;
  Kernel kernel;
  std::vector<std::pair<BufferId, std::vector<Size>>> slices; // the buffer, and its moves along the first axes

private:
  void slice(Access &access) {
    access.strides.resize(std::max(access.strides.size(), around_));
    auto begin = access.strides.begin(), own = begin + static_cast<std::ptrdiff_t>(around_);
    const size_t number = number_in(slices, {access.buffer, {begin, own}});
    if (number == entry.buffers.size()) {
      Buffer buffer = memory_of(from_->buffers, access.buffer);
      buffer.elem = from_->buffers[access.buffer].elem, buffer.streamed = false;
      entry.buffers.push_back(std::move(buffer));
    }
    access.strides.erase(begin, own);
    access.buffer = static_cast<BufferId>(number);
  }

  BufferId point(int64_t slab_bytes) {
    const size_t number = number_in(slices, {slab_point, {}});
    if (number == entry.buffers.size())
      entry.buffers.push_back({Space::slab, 0, slab_bytes, Elem::i32, static_cast<int64_t>(around_), "point"});
    return static_cast<BufferId>(number);
  }

  const Entry *from_;
  size_t around_;
};

/// All that tells forms apart, as bytes.
class Key {
public:
  explicit Key(const KernelForm &form) {
    const Kernel &kernel = form.kernel;
    add(kernel.axes), add(kernel.lanes), add(kernel.values.size()), add(kernel.stages.size());
    for (const Stage &stage : kernel.stages) add(stage.axes), add(stage.code);
    for (const Instruction &i : kernel.values) add(i);
    if (const auto &c = kernel.contraction) add(c->m), add(c->n), add(c->k), add(c->a), add(c->b), add(c->elem), add(c->panel);
    if (const auto &o = kernel.ordering) add(o->count), add(o->keys), add(o->result), add(o->elem);
    if (const auto &p = kernel.packing) add(p->n), add(p->k), add(p->width), add(p->from), add(p->to), add(p->elem);
    for (const FormBuffer &buffer : form.buffers) {
      add(buffer.elem), add(buffer.per_turn), add(buffer.streamed), add(buffer.near);
      for (bool is_apart : buffer.apart) add(is_apart);
    }
    add(kernel.triangle.has_value());
    if (const auto &t = kernel.triangle) {
      add(t->row), add(t->column), add(t->first.has_value());
      if (t->first) add(*t->first);
    }
    add(kernel.slab_bytes);
    for (const FormStep &step : form.steps) {
      add(step.turns), add(step.calls.size());
      for (const StepCall &call : step.calls) {
        bytes += call.name + '\n', add(call.numbers), add(call.extent), add(call.places.size());
        for (const StepPlace &place : call.places) add(place.buffer), add(place.offset), add(place.moves);
      }
    }
  }

  std::string bytes;

private:
  template <typename T>
    requires(std::has_unique_object_representations_v<T> || std::is_same_v<T, double>)
  void add(const T &plain) {
    bytes.append(reinterpret_cast<const char *>(&plain), sizeof plain);
  }
  template <typename T> void add(const std::vector<T> &list) {
    add(list.size());
    for (const T &element : list) add(element);
  }
  void add(const std::pair<ValueId, Size> &index) { add(index.first), add(index.second); }
  void add(const Access &access) { add(access.buffer), add(access.constant), add(access.strides), add(access.indirect); }
  void add(const Instruction &i) {
    add(i.code), add(i.elem), add(i.op), add(i.operands), add(i.value), add(i.axis), add(i.input), add(i.reduce);
    add(i.random.path), add(i.random.word), add(i.access);
  }
};

/// All forms under construction.
class Forms {
public:
  explicit Forms(const Processor &target) : target_(target) {}

  KernelForms made;

  KernelCall call_of(const Entry &entry, const Kernel &kernel) {
    if (!kernel.steps.empty()) return call_of_steps(entry, kernel);
    const bool nest = is_nest(kernel);
    const Kernel lowered = nest ? count_through(kernel) : kernel;
    Abstraction parts(entry, lowered);
    if (nest) forget_shared_extent(parts.form.kernel, target_);
    parts.call.form = number_of(std::move(parts.form));
    parts.call.sharing = kernel.contraction ? contraction_sharing(kernel, target_)
                         : kernel.ordering  ? ordering_sharing(kernel)
                         : kernel.packing   ? packing_sharing(kernel)
                                            : nest_sharing(lowered, target_);
    return std::move(parts.call);
  }

private:
  int number_of(KernelForm form) {
    auto [found, is_new] = known_.try_emplace(Key(form).bytes, static_cast<int>(made.forms.size()));
    if (is_new) made.keys.push_back(found->first), made.forms.push_back(std::move(form));
    return found->second;
  }

  KernelCall call_of_steps(const Entry &entry, const Kernel &kernel) {
    KernelForm form;
    form.kernel.name = kernel.name, form.kernel.axes = kernel.axes, form.kernel.place = kernel.place;
    form.kernel.slab_bytes = kernel.slab_bytes;
    KernelCall call;
    for (const Step &step : kernel.steps) {
      FormStep &to = form.steps.emplace_back();
      to.turns = step.turns;
      for (const Kernel &part : step.kernels) to.calls.push_back(step_call(entry, part, kernel.axes.size() + 1, form, call));
    }
    for (FormBuffer &buffer : form.buffers) buffer.apart.resize(form.buffers.size(), false); // it reads and writes none itself
    form.numbers = static_cast<int>(call.numbers.size());
    call.sharing.extent = Size(1);
    for (const Size &axis : kernel.axes) call.sharing.extent = call.sharing.extent * axis;
    call.sharing.points = kernel.axes;
    call.form = number_of(std::move(form));
    return call;
  }

  /// A step's kernel without the axes around it: where it is along them is in the places.
  StepCall step_call(const Entry &entry, const Kernel &part, size_t around, KernelForm &form, KernelCall &whole) {
    const Slices slices(entry, part, around, form.kernel.slab_bytes);
    const KernelCall inner = call_of(slices.entry, slices.kernel.contraction && !slices.kernel.contraction->panel
                                                       ? arrange_contraction(slices.kernel, target_)
                                                       : slices.kernel);
    StepCall made_call;
    made_call.name = made.forms[inner.form].kernel.name, made_call.extent = inner.sharing.extent;
    for (BufferId id : inner.buffers) {
      const auto &[buffer, moves] = slices.slices[id];
      if (buffer == slab_point) {
        made_call.places.push_back({-1, form.kernel.slab_bytes, {}});
        continue;
      }
      const Size bytes(ir::bytes(entry.buffers[buffer].elem));
      StepPlace place;
      for (const Size &move : moves) place.moves.push_back(move * bytes);
      if (entry.buffers[buffer].space == Space::slab) {
        place.offset = entry.buffers[buffer].offset;
      } else {
        place.buffer = static_cast<int>(number_in(whole.buffers, buffer));
        if (place.buffer == static_cast<int>(form.buffers.size()))
          form.buffers.push_back({entry.buffers[buffer].elem, 0, {}, false});
      }
      made_call.places.push_back(std::move(place));
    }
    for (uint64_t number : inner.numbers) made_call.numbers.push_back(static_cast<int>(number_in(whole.numbers, number)));
    double work = inner.sharing.work;
    for (const Size &points : inner.sharing.points) work *= static_cast<double>(usual_extent(points));
    whole.sharing.work += work;
    return made_call;
  }

  const Processor &target_;
  std::unordered_map<std::string, int> known_;
};

} // namespace

KernelForms kernel_forms(std::span<const Entry> entries, const Processor &target) {
  Forms forms(target);
  for (const Entry &entry : entries) {
    std::vector<KernelCall> calls;
    for (const Kernel &kernel : entry.kernels) calls.push_back(forms.call_of(entry, kernel));
    forms.made.calls.push_back(std::move(calls));
  }
  return std::move(forms.made);
}

} // namespace nnc::codegen
