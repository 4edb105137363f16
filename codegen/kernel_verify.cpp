// What must hold of the kernels of an entry before they are lowered.

#include "codegen/kernel.h"

#include "ir/op.h"

#include <algorithm>
#include <fmt/format.h>

namespace nnc::codegen {

namespace {

using Error = std::string; // empty: none

class KernelCheck {
public:
  /// `around`: the axes of what it is a step of, and that of the turns.
  KernelCheck(const Entry &entry, const Kernel &kernel, size_t around = 0) : entry_(entry), kernel_(kernel), around_(around) {}

  Error check() {
    made_.assign(kernel_.values.size(), Made::nowhere);
    if (!kernel_.steps.empty()) return steps();
    if (kernel_.contraction)
      if (Error e = contraction(*kernel_.contraction); !e.empty()) return e;
    if (kernel_.ordering)
      if (Error e = ordering(*kernel_.ordering); !e.empty()) return e;
    if (kernel_.packing)
      if (Error e = packing(*kernel_.packing); !e.empty()) return e;
    if (kernel_.triangle)
      if (Error e = triangle(*kernel_.triangle); !e.empty()) return e;
    for (const Stage &stage : kernel_.stages)
      if (Error e = check(stage); !e.empty()) return e;
    return "";
  }

private:
  enum class Made : uint8_t { nowhere, in_stage, for_good };

  Error steps() {
    if (!kernel_.stages.empty() || kernel_.contraction || kernel_.ordering) return "a kernel with steps has code of its own";
    for (const Step &step : kernel_.steps) {
      std::vector<Size> axes = kernel_.axes;
      axes.emplace_back(step.turns);
      for (const Kernel &part : step.kernels) {
        if (!part.steps.empty()) return "a step has steps";
        if (part.axes.size() < axes.size() || !std::equal(axes.begin(), axes.end(), part.axes.begin()))
          return fmt::format("{} has other axes than what it is a step of", part.name);
        if (Error e = KernelCheck(entry_, part, axes.size()).check(); !e.empty()) return fmt::format("{}: {}", part.name, e);
      }
    }
    return "";
  }

  Error contraction(const Contraction &c) {
    size_t outer = kernel_.axes.size();
    if (!ir::is_float(c.elem)) return fmt::format("a contraction of {}", ir::name(c.elem));
    if (c.k.empty()) return "a contraction without an axis to sum over";
    if (kernel_.stages.size() != 1 || kernel_.stages[0].axes != std::vector<Size>{c.m, c.n})
      return "a contraction's one stage must have the axes m, n";
    if (!stride_of(c.a, outer + 1).is_zero()) return "a contraction's first operand moves along n";
    if (!stride_of(c.b, outer).is_zero()) return "a contraction's second operand moves along m";
    for (size_t axis = 0; c.panel && axis < outer + 2; ++axis)
      if (!stride_of(c.b, axis).is_zero()) return "a packed operand moves along an axis that is not summed";
    for (const Access *access : {&c.a, &c.b}) {
      if (Error e = check(*access, outer + 2 + c.k.size()); !e.empty()) return e;
      if (!ir::is_float(entry_.buffers[access->buffer].elem)) return "a contraction's operand is no float";
    }
    return "";
  }

  Error triangle(const Triangle &t) {
    const int outer = static_cast<int>(kernel_.axes.size());
    if (kernel_.ordering || kernel_.packing) return "a triangle of what has no stages";
    if (t.row < 0 || t.column < 0 || t.row == t.column) return "a triangle without two axes";
    if (t.first) {
      if (Error e = check(*t.first, kernel_.axes.size()); !e.empty()) return e;
      if (entry_.buffers[t.first->buffer].elem != ir::Elem::i32) return "a triangle's first row is no i32";
    }
    if (kernel_.contraction) {
      const bool is_inside = std::min(t.row, t.column) >= outer && std::max(t.row, t.column) <= outer + 2;
      return is_inside && kernel_.contraction->k.size() == 1 ? "" : "a contraction's triangle is of m, n and one k";
    }
    const bool are_rows = t.row < outer && t.column == outer && kernel_.lanes == Lanes::inner;
    return are_rows ? "" : "a triangle of stages is of rows and their lanes";
  }

  Error packing(const Packing &p) {
    if (!kernel_.stages.empty() || kernel_.axes.size() != around_) return "a packing has neither axes of its own nor stages";
    if (p.width < 1 || p.k.empty()) return "a packing without columns or rows";
    if (Error e = check(p.from, around_ + 1 + p.k.size()); !e.empty()) return e;
    if (!p.from.indirect.empty()) return "what is packed lies at affine addresses";
    if (p.to < 0 || p.to >= static_cast<int>(entry_.buffers.size())) return fmt::format("no buffer b{}", p.to);
    if (!ir::is_float(p.elem) || !ir::is_float(entry_.buffers[p.from.buffer].elem)) return "a packing of no floats";
    if (entry_.buffers[p.to].elem != p.elem) return fmt::format("packs {} into b{}", ir::name(p.elem), p.to);
    return "";
  }

  Error ordering(const Ordering &o) {
    if (!kernel_.stages.empty() || kernel_.contraction) return "an ordering has neither stages nor a contraction";
    for (const Access *access : {&o.keys, &o.result}) {
      if (Error e = check(*access, kernel_.axes.size() + 1); !e.empty()) return e;
      if (!access->indirect.empty()) return "an ordering's keys and result lie at affine addresses";
    }
    if (entry_.buffers[o.keys.buffer].elem != o.elem) return fmt::format("orders b{} as {}", o.keys.buffer, ir::name(o.elem));
    if (entry_.buffers[o.result.buffer].elem != ir::Elem::i32) return fmt::format("b{} is no i32", o.result.buffer);
    const size_t sorted = kernel_.axes.size();
    if (!(o.count == Size(1)) && (o.result.strides.size() <= sorted || !(o.result.strides[sorted] == Size(1))))
      return "an ordering's result is not contiguous";
    return "";
  }

  Error check(const Access &access, size_t axes) const {
    if (access.buffer < 0 || access.buffer >= static_cast<int>(entry_.buffers.size()))
      return fmt::format("no buffer b{}", access.buffer);
    if (access.strides.size() > axes)
      return fmt::format("an access of b{} has {} strides for {} axes", access.buffer, access.strides.size(), axes);
    for (const auto &[id, stride] : access.indirect) {
      if (id < 0 || id >= static_cast<int>(kernel_.values.size())) return fmt::format("no value %{}", id);
      if (kernel_.values[id].elem != ir::Elem::i32) return fmt::format("%{} is no i32 index", id);
    }
    return "";
  }

  Error check(const Stage &stage) {
    for (ValueId id : stage.code) {
      if (id < 0 || id >= static_cast<int>(kernel_.values.size())) return fmt::format("no value %{}", id);
      if (made_[id] != Made::nowhere) return fmt::format("%{} is made twice", id);
      if (Error e = check(kernel_.values[id], stage); !e.empty()) return fmt::format("%{}: {}", id, e);
      bool is_reduction = kernel_.values[id].code == Code::reduce || kernel_.values[id].code == Code::argreduce;
      made_[id] = is_reduction && !stage.axes.empty() ? Made::nowhere : Made::in_stage;
    }
    for (ValueId id : stage.code) {
      bool is_reduction = kernel_.values[id].code == Code::reduce || kernel_.values[id].code == Code::argreduce;
      made_[id] = is_reduction || stage.axes.empty() ? Made::for_good : Made::nowhere;
    }
    return "";
  }

  Error check(const Instruction &i, const Stage &stage) const {
    size_t axes = kernel_.axes.size() + stage.axes.size() + (kernel_.contraction ? kernel_.contraction->k.size() : 0);
    for (ValueId id : i.operands)
      if (id < 0 || id >= static_cast<int>(kernel_.values.size()) || made_[id] == Made::nowhere)
        return fmt::format("%{} is used where it is not known", id);
    auto operand = [&](size_t k) { return kernel_.values[i.operands[k]].elem; };
    auto arity = [&](size_t least, size_t most) {
      bool fits = i.operands.size() >= least && i.operands.size() <= most;
      return fits ? Error() : fmt::format("{} operands", i.operands.size());
    };
    auto accesses = [&]() -> Error {
      for (const auto &[id, stride] : i.access.indirect)
        if (id < 0 || id >= static_cast<int>(kernel_.values.size()) || made_[id] == Made::nowhere)
          return fmt::format("%{} is used where it is not known", id);
      return check(i.access, axes);
    };
    switch (i.code) {
    case Code::constant:
    case Code::call_value: return arity(0, 0);
    case Code::given: return "a number that only forms have";
    case Code::axis: return i.axis >= 0 && i.axis < static_cast<int>(axes) ? Error() : fmt::format("no axis i{}", i.axis);
    case Code::load:
      if (Error e = accesses(); !e.empty()) return e;
      return entry_.buffers[i.access.buffer].elem == i.elem ? Error()
                                                            : fmt::format("loads b{} as {}", i.access.buffer, ir::name(i.elem));
    case Code::scalar: {
      int operands = ir::record(i.op).operands;
      if (!std::holds_alternative<ir::ScalarBody>(ir::record(i.op).kernel))
        return fmt::format("`{}` is no scalar operation", ir::record(i.op).name);
      return arity(operands, operands);
    }
    case Code::reduce:
      if (Error e = arity(1, 2); !e.empty()) return e;
      return i.operands.size() == 2 && i.reduce != ir::ReduceKind::add ? "two operands for a reduction that is no sum" : "";
    case Code::argreduce:
      if (i.reduce != ir::ReduceKind::max && i.reduce != ir::ReduceKind::min) return "argreduce is of max or min";
      return arity(1, 1);
    case Code::accumulator: return kernel_.contraction ? arity(0, 0) : "an accumulator without a contraction";
    case Code::store:
    case Code::store_add:
      if (Error e = arity(1, 1); !e.empty()) return e;
      if (Error e = accesses(); !e.empty()) return e;
      return entry_.buffers[i.access.buffer].elem == operand(0)
                 ? Error()
                 : fmt::format("stores {} to b{}", ir::name(operand(0)), i.access.buffer);
    }
    return "";
  }

  const Entry &entry_;
  const Kernel &kernel_;
  const size_t around_;
  std::vector<Made> made_;
};

} // namespace

std::string verify(const Entry &entry) {
  for (const Buffer &buffer : entry.buffers)
    if (buffer.space == Space::constant && (buffer.number < 0 || buffer.number >= static_cast<int>(entry.constants.size())))
      return fmt::format("entry {}: no constant {}", entry.name, buffer.number);
  for (const Kernel &kernel : entry.kernels)
    if (Error e = KernelCheck(entry, kernel).check(); !e.empty())
      return fmt::format("entry {}, kernel {}: {}", entry.name, kernel.name, e);
  return "";
}

} // namespace nnc::codegen
