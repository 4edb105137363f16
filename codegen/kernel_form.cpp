#include "codegen/kernel_form.h"

#include "codegen/count_through.h"
#include "ir/op.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

namespace nnc::codegen {
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
  /// The number of an element in a list, in which it is put where it is new.
  template <typename T> static size_t number_in(std::vector<T> &list, const T &element) {
    auto found = std::find(list.begin(), list.end(), element);
    if (found == list.end()) found = list.insert(found, element);
    return static_cast<size_t>(found - list.begin());
  }

  BufferId buffer(BufferId id) {
    size_t number = number_in(call.buffers, id);
    if (number == form.buffers.size())
      form.buffers.push_back({entry_.buffers[id].elem, bytes_per_turn(entry_, entry_.buffers[id].space), {}});
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
      add(buffer.elem), add(buffer.per_turn);
      for (bool is_apart : buffer.apart) add(is_apart);
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

} // namespace

KernelForms kernel_forms(std::span<const Entry> entries, const Processor &target) {
  KernelForms made;
  std::unordered_map<std::string, int> known;
  for (const Entry &entry : entries) {
    std::vector<KernelCall> &calls = made.calls.emplace_back();
    for (const Kernel &kernel : entry.kernels) {
      const bool is_nest = !kernel.contraction && !kernel.ordering && !kernel.packing;
      const Kernel lowered = is_nest ? count_through(kernel) : kernel;
      Abstraction parts(entry, lowered);
      if (is_nest) forget_shared_extent(parts.form.kernel, target);
      auto [found, is_new] = known.try_emplace(Key(parts.form).bytes, static_cast<int>(made.forms.size()));
      if (is_new) made.keys.push_back(found->first), made.forms.push_back(std::move(parts.form));
      parts.call.form = found->second;
      parts.call.sharing = kernel.contraction ? contraction_sharing(kernel, target)
                           : kernel.ordering  ? ordering_sharing(kernel)
                           : kernel.packing   ? packing_sharing(kernel)
                                              : nest_sharing(lowered, target);
      calls.push_back(std::move(parts.call));
    }
  }
  return made;
}

} // namespace nnc::codegen
