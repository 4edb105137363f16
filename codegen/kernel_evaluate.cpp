#include "codegen/kernel_evaluate.h"

#include "ir/op.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <numeric>

namespace nnc::codegen {

using ir::Elem;
using ir::ReduceKind;

namespace {

double read(const unsigned char *at, Elem elem) {
  auto as = [&](auto value) {
    std::memcpy(&value, at, sizeof value);
    return static_cast<double>(value);
  };
  switch (elem) {
  case Elem::boolean: return *at != 0;
  case Elem::u8: return *at;
  case Elem::i32: return as(int32_t{});
  case Elem::f32: return as(float{});
  case Elem::f64: return as(double{});
  }
  return 0;
}

void write(unsigned char *at, Elem elem, double value) {
  auto put = [&](auto typed) { std::memcpy(at, &typed, sizeof typed); };
  switch (elem) {
  case Elem::boolean: return put(static_cast<uint8_t>(value != 0));
  case Elem::u8: return put(static_cast<uint8_t>(value));
  case Elem::i32: return put(static_cast<int32_t>(value));
  case Elem::f32: return put(static_cast<float>(value));
  case Elem::f64: return put(value);
  }
}

double fma(Elem elem, double a, double b, double c) {
  if (elem == Elem::f64) return std::fma(a, b, c);
  if (elem == Elem::f32) return std::fma(static_cast<float>(a), static_cast<float>(b), static_cast<float>(c));
  return ir::round_to(elem, a * b + c);
}

/// Whether x takes the place of the best so far: the first NaN wins, else the first extreme.
bool beats(ReduceKind kind, double x, double best) {
  if (std::isnan(x) || std::isnan(best)) return !std::isnan(best);
  return kind == ReduceKind::max ? x > best : x < best;
}

/// A reduction under way: `index` counts the points.
struct Running {
  double value = 0;
  int64_t best = 0, index = 0;
};

double identity(ReduceKind kind, Elem elem) {
  double most = elem == Elem::i32 ? std::numeric_limits<int32_t>::max() : std::numeric_limits<double>::infinity();
  double least = elem == Elem::i32 ? std::numeric_limits<int32_t>::min() : -most;
  switch (kind) {
  case ReduceKind::add: return 0;
  case ReduceKind::mul: return 1;
  case ReduceKind::max: return least;
  case ReduceKind::min: return most;
  }
  return 0;
}

class Execution {
public:
  Execution(const Entry &entry, nnc_call &call, int64_t turn)
      : entry_(entry), call_(call), turn_(turn), examples_(call.batch), turns_(entry.loops.size(), 0) {}

  /// All kernels, loops turn after turn.
  void run() { run(0, static_cast<int>(entry_.kernels.size()), -1); }

private:
  void run(int first, int last, int around) {
    walk_kernels(
        entry_, first, last, around, [&](int kernel) { run(entry_.kernels[kernel]); },
        [&](int loop) {
          const TurnLoop &over = entry_.loops[loop];
          for (turns_[loop] = 0; turns_[loop] < over.turns; ++turns_[loop]) run(over.first, over.last, loop);
        });
  }

  void run(const Kernel &kernel) {
    axes_.clear();
    if (kernel.steps.empty()) return run(kernel, kernel.axes);
    slab_.assign(kernel.slab_bytes, 0xff); // NaN: each slab begins with nothing known
    each(kernel.axes, [&] {
      for (const Step &step : kernel.steps)
        each({step.turns}, [&] {
          for (const Kernel &part : step.kernels)
            run(part, {part.axes.begin() + static_cast<std::ptrdiff_t>(axes_.size()), part.axes.end()});
        });
    });
  }

  /// At the point of the axes so far, for all of `further`.
  void run(const Kernel &kernel, const std::vector<Size> &further) {
    kernel_ = &kernel;
    values_.assign(kernel.values.size(), 0);
    each(further, [&] {
      if (kernel.slab_bytes > 0) slab_.assign(kernel.slab_bytes, 0xff);
      if (kernel.ordering) order(*kernel.ordering);
      if (kernel.packing) pack(*kernel.packing);
      for (const Stage &stage : kernel.stages) run(stage);
    });
  }

  unsigned char *base(const Buffer &buffer) {
    auto bytes = [](const void *p) { return static_cast<unsigned char *>(const_cast<void *>(p)); };
    int64_t step = entry_.steps ? turn_ : 0;
    switch (buffer.space) {
    case Space::state: return call_.state;
    case Space::arena: return call_.arena;
    case Space::source: return bytes(call_.sources[buffer.number]);
    case Space::rows: return bytes(call_.rows[buffer.number] + step * examples_);
    case Space::output: return bytes(call_.outputs[buffer.number]);
    case Space::settings: return bytes(call_.settings);
    case Space::costs: return bytes(call_.costs + step * entry_.costs);
    case Space::reports: return bytes(call_.reports + step * entry_.reports);
    case Space::constant: return nullptr;
    case Space::slab: return slab_.data();
    }
    return nullptr;
  }

  int64_t element(const Access &access) {
    int64_t at = access.constant.at(examples_);
    for (size_t axis = 0; axis < access.strides.size(); ++axis) at += access.strides[axis].at(examples_) * axes_[axis];
    for (const auto &[id, stride] : access.indirect) at += stride.at(examples_) * static_cast<int64_t>(values_[id]);
    return at;
  }

  double load(const Access &access) {
    const Buffer &buffer = entry_.buffers[access.buffer];
    if (buffer.space == Space::constant) {
      int64_t at = element(access) + buffer.offset.at(examples_) / ir::bytes(buffer.elem);
      for (const auto &[loop, elements] : buffer.moves) at += elements.at(examples_) * turns_[loop];
      return ir::round_to(buffer.elem, entry_.constants[buffer.number].at(at));
    }
    return read(place(access), buffer.elem);
  }

  unsigned char *place(const Access &access) {
    const Buffer &buffer = entry_.buffers[access.buffer];
    int64_t moved = 0;
    for (const auto &[loop, elements] : buffer.moves) moved += elements.at(examples_) * turns_[loop];
    return base(buffer) + buffer.offset.at(examples_) + (moved + element(access)) * ir::bytes(buffer.elem);
  }

  /// Calls f at each point of further axes.
  void each(const std::vector<Size> &extents, const std::function<void()> &f, size_t axis = 0) {
    if (axis == extents.size()) return f();
    axes_.push_back(0);
    for (int64_t i = 0, n = extents[axis].at(examples_); i < n; ++i) {
      axes_.back() = i;
      each(extents, f, axis + 1);
    }
    axes_.pop_back();
  }

  void order(const Ordering &ordering) {
    std::vector<double> keys;
    each({ordering.count}, [&] { keys.push_back(load(ordering.keys)); });
    std::vector<size_t> order(keys.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t i, size_t j) { return keys[i] < keys[j] || (std::isnan(keys[j]) && !std::isnan(keys[i])); });
    size_t next = 0;
    each({ordering.count}, [&] { write(place(ordering.result), Elem::i32, static_cast<double>(order[next++])); });
  }

  void pack(const Packing &p) {
    int64_t rows = 1;
    for (const Size &extent : p.k) rows *= extent.at(examples_);
    std::vector<double> columns; // of all k
    each({p.n}, [&] { each(p.k, [&] { columns.push_back(load(p.from)); }); });
    for (int64_t n = 0, next = 0; n < p.n.at(examples_); ++n)
      for (int64_t row = 0; row < rows; ++row)
        write(place({p.to, Size(n / p.width * p.width * rows + row * p.width + n % p.width), {}, {}}), p.elem, columns[next++]);
  }

  /// The element of b at this point.
  double load_b(const Contraction &c) {
    if (!c.panel) return load(c.b);
    int64_t rows = 1, n = axes_[kernel_->axes.size() + 1];
    for (const Size &extent : c.k) rows *= extent.at(examples_);
    Access at = c.b;
    at.constant = at.constant + Size(n / c.panel * c.panel * rows + n % c.panel);
    return load(at);
  }

  void run(const Stage &stage) {
    running_.clear();
    for (ValueId id : stage.code) {
      const Instruction &i = kernel_->values[id];
      if (i.code == Code::reduce || i.code == Code::argreduce) running_[id] = {identity(i.reduce, operand_elem(i)), 0, 0};
    }
    each(stage.axes, [&] {
      if (kernel_->contraction) contract(*kernel_->contraction);
      for (ValueId id : stage.code) run(id);
    });
    for (const auto &[id, running] : running_) {
      bool is_argument = kernel_->values[id].code == Code::argreduce;
      values_[id] = is_argument ? static_cast<double>(running.best) : running.value;
    }
  }

  Elem operand_elem(const Instruction &i) const { return kernel_->values[i.operands[0]].elem; }

  void contract(const Contraction &c) {
    double sum = 0;
    each(c.k, [&] {
      for (const Access *access : {&c.a, &c.b})
        for (const auto &[id, stride] : access->indirect) run_afresh(id);
      sum = fma(c.elem, load(c.a), load_b(c), sum);
    });
    accumulator_ = sum;
  }

  /// A value that an operand's address needs, and what it is made of, at the operand's point.
  void run_afresh(ValueId id) {
    for (ValueId operand : kernel_->values[id].operands) run_afresh(operand);
    for (const auto &[index, stride] : kernel_->values[id].access.indirect) run_afresh(index);
    run(id);
  }

  /// Whether the instruction is about a contraction's summed axes: part of its operands' addresses, not of the epilogue.
  bool is_of_k(const Instruction &i) const {
    return kernel_->contraction &&
           (i.access.strides.size() > axes_.size() || (i.code == Code::axis && i.axis >= static_cast<int>(axes_.size())));
  }

  void run(ValueId id) {
    const Instruction &i = kernel_->values[id];
    if (is_of_k(i)) return;
    switch (i.code) {
    case Code::constant: values_[id] = ir::round_to(i.elem, i.value); break;
    case Code::given: throw ir::InternalError("a kernel that is a form has no values");
    case Code::axis: values_[id] = static_cast<double>(axes_[i.axis]); break;
    case Code::call_value: values_[id] = call_value(i.input); break;
    case Code::load: values_[id] = load(i.access); break;
    case Code::scalar: values_[id] = scalar(i); break;
    case Code::reduce: reduce(i, running_[id]); break;
    case Code::argreduce: argreduce(i, running_[id]); break;
    case Code::accumulator: values_[id] = accumulator_; break;
    case Code::store: write(place(i.access), entry_.buffers[i.access.buffer].elem, values_[i.operands[0]]); break;
    case Code::store_add: {
      Elem elem = entry_.buffers[i.access.buffer].elem;
      unsigned char *at = place(i.access);
      write(at, elem, ir::round_to(elem, read(at, elem) + values_[i.operands[0]]));
      break;
    }
    }
  }

  double call_value(ir::InputKind kind) const {
    auto narrow = [](uint64_t value) { return static_cast<double>(static_cast<int32_t>(static_cast<uint32_t>(value))); };
    switch (kind) {
    case ir::InputKind::seed_low: return narrow(call_.seed);
    case ir::InputKind::seed_high: return narrow(call_.seed >> 32);
    case ir::InputKind::step: return narrow(call_.step + turn_);
    case ir::InputKind::total_steps: return narrow(call_.total_steps);
    case ir::InputKind::epoch: return narrow(call_.epoch);
    case ir::InputKind::examples: return narrow(examples_);
    default: throw ir::InternalError("a kernel reads an input that a call does not have");
    }
  }

  /// The operation's own reference rule, on tensors of one element.
  double scalar(const Instruction &i) {
    std::vector<ir::Array> arrays;
    for (ValueId id : i.operands) arrays.push_back({kernel_->values[id].elem, {1}, {values_[id]}});
    std::vector<const ir::Array *> operands;
    for (const ir::Array &array : arrays) operands.push_back(&array);
    ir::Node node{i.op, {i.elem, {{1, false}}}, {}, ir::NoAttributes{}, i.place};
    if (i.op == ir::Op::random_bits) node.attributes = i.random;
    static const ir::Function none{};
    return ir::record(i.op).evaluate({none, node, operands, examples_}).values.at(0);
  }

  void reduce(const Instruction &i, Running &running) {
    double x = values_[i.operands[0]];
    if (i.operands.size() > 1) {
      running.value = fma(i.elem, x, values_[i.operands[1]], running.value);
      return;
    }
    switch (i.reduce) {
    case ReduceKind::add: running.value = ir::round_to(i.elem, running.value + x); break;
    case ReduceKind::mul: running.value = ir::round_to(i.elem, running.value * x); break;
    case ReduceKind::max:
    case ReduceKind::min:
      if (!std::isnan(running.value) && beats(i.reduce, x, running.value)) running.value = x;
      break;
    }
  }

  void argreduce(const Instruction &i, Running &running) {
    double x = values_[i.operands[0]];
    if (running.index == 0 || beats(i.reduce, x, running.value)) running.value = x, running.best = running.index;
    ++running.index;
  }

  const Entry &entry_;
  nnc_call &call_;
  int64_t turn_, examples_;
  std::vector<int64_t> turns_; // of the loops
  const Kernel *kernel_ = nullptr;
  std::vector<int64_t> axes_;
  std::vector<double> values_;
  std::vector<unsigned char> slab_;
  std::map<ValueId, Running> running_;
  double accumulator_ = 0;
};

bool costs_are_finite(const Entry &entry, const nnc_call &call, int64_t turn) {
  for (int clause = 0; clause < entry.costs; ++clause)
    if (!std::isfinite(call.costs[turn * entry.costs + clause])) return false;
  return true;
}

} // namespace

void evaluate(const Entry &entry, nnc_call &call) {
  int64_t turns = entry.steps ? call.steps : 1, turn = 0;
  bool goes_on = true;
  for (; goes_on && turn < turns && !(entry.steps && *call.stop); ++turn) {
    Execution(entry, call, turn).run();
    if (entry.steps) goes_on = costs_are_finite(entry, call, turn);
  }
  if (entry.steps) call.done = turn;
}

} // namespace nnc::codegen
