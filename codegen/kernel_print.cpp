// Kernels as text, for people and golden tests.
//
//   kernel k2_row [32B] lanes inner barrier
//     stage
//       %0 = load f32 b3[i0·10] …
#include "codegen/kernel.h"

#include "ir/op.h"

#include <fmt/format.h>

namespace nnc::codegen {

static const char *name(Space space) {
  static constexpr const char *names[] = {"state",    "arena", "source",  "rows",     "output",
                                          "settings", "costs", "reports", "constant", "slab"};
  return names[static_cast<int>(space)];
}

static const char *name(ir::ReduceKind kind) {
  static constexpr const char *names[] = {"add", "max", "min", "mul"};
  return names[static_cast<int>(kind)];
}

static const char *name(ir::InputKind kind) {
  switch (kind) {
  case ir::InputKind::seed_low: return "seed_low";
  case ir::InputKind::seed_high: return "seed_high";
  case ir::InputKind::step: return "step";
  case ir::InputKind::total_steps: return "total_steps";
  case ir::InputKind::epoch: return "epoch";
  case ir::InputKind::examples: return "examples";
  default: return "?";
  }
}

static std::string list(const std::vector<Size> &sizes) {
  std::string text = "[";
  for (size_t i = 0; i < sizes.size(); ++i) text += (i ? ", " : "") + to_string(sizes[i]);
  return text + "]";
}

static std::string product(const Size &factor, const std::string &what) {
  if (factor == Size(1)) return what;
  std::string text = to_string(factor);
  return (text.find(' ') == std::string::npos ? text : "(" + text + ")") + "·" + what;
}

/// `hidden.weight[3 + 64·i0 + i2 + 10·%4]`.
static std::string print(const Access &access, const std::vector<Buffer> &buffers) {
  std::vector<std::string> terms;
  if (!access.constant.is_zero()) terms.push_back(to_string(access.constant));
  for (size_t axis = 0; axis < access.strides.size(); ++axis)
    if (!access.strides[axis].is_zero()) terms.push_back(product(access.strides[axis], fmt::format("i{}", axis)));
  for (const auto &[value, stride] : access.indirect) terms.push_back(product(stride, fmt::format("%{}", value)));
  bool exists = access.buffer >= 0 && access.buffer < static_cast<int>(buffers.size());
  return fmt::format("b{}{}[{}]", access.buffer, exists ? " " + buffers[access.buffer].label : "",
                     terms.empty() ? "0" : fmt::format("{}", fmt::join(terms, " + ")));
}

static std::string print(const Instruction &i, const std::vector<Buffer> &buffers) {
  std::vector<std::string> names;
  for (ValueId id : i.operands) names.push_back(fmt::format("%{}", id));
  std::string operands = fmt::format("{}", fmt::join(names, ", "));
  const char *elem = ir::name(i.elem);
  switch (i.code) {
  case Code::constant: return fmt::format("constant {} {}", elem, i.value);
  case Code::given: return fmt::format("given {} {}", elem, i.value);
  case Code::axis: return fmt::format("axis i{}", i.axis);
  case Code::call_value: return name(i.input);
  case Code::load: return fmt::format("load {} {}", elem, print(i.access, buffers));
  case Code::scalar:
    if (i.op == ir::Op::random_bits)
      return fmt::format("random_bits path {:#x} word {} {}", i.random.path, i.random.word, operands);
    return fmt::format("{} {} {}", ir::record(i.op).name, elem, operands);
  case Code::reduce: return fmt::format("reduce {} {} {}", name(i.reduce), elem, operands);
  case Code::argreduce: return fmt::format("argreduce {} {}", name(i.reduce), operands);
  case Code::accumulator: return fmt::format("accumulator {}", elem);
  case Code::store: return fmt::format("store {} to {}", operands, print(i.access, buffers));
  case Code::store_add: return fmt::format("add {} to {}", operands, print(i.access, buffers));
  }
  return "";
}

static std::string indented(const std::string &lines) {
  std::string text;
  for (size_t at = 0; at < lines.size();) {
    const size_t end = lines.find('\n', at) + 1;
    text += "    " + lines.substr(at, end - at);
    at = end;
  }
  return text;
}

std::string print(const Kernel &kernel, const std::vector<Buffer> &buffers) {
  std::string text = fmt::format("kernel {} {} lanes {}{}\n", kernel.name, list(kernel.axes),
                                 kernel.lanes == Lanes::outer ? "outer" : "inner", kernel.barrier_before ? " barrier" : "");
  if (const auto &c = kernel.contraction)
    text += fmt::format("  contraction {} m {} n {} k {}\n    a {}\n    b {}{}\n", ir::name(c->elem), to_string(c->m),
                        to_string(c->n), list(c->k), print(c->a, buffers), print(c->b, buffers),
                        c->panel ? fmt::format(" in panels of {}", c->panel) : "");
  if (const auto &o = kernel.ordering)
    text += fmt::format("  ordering {} count {}\n    keys {}\n    result {}\n", ir::name(o->elem), to_string(o->count),
                        print(o->keys, buffers), print(o->result, buffers));
  if (const auto &t = kernel.triangle)
    text += fmt::format("  i{} to the stretch of i{}{}\n", t->column, t->row, t->first ? " + " + print(*t->first, buffers) : "");
  for (const Step &step : kernel.steps) {
    text += fmt::format("  step {} turns\n", step.turns);
    for (const Kernel &part : step.kernels) text += indented(print(part, buffers));
  }
  if (const auto &p = kernel.packing)
    text += fmt::format("  packing {} n {} k {} in panels of {}\n    from {}\n    to {}\n", ir::name(p->elem), to_string(p->n),
                        list(p->k), p->width, print(p->from, buffers), print(Access{p->to, 0, {}, {}}, buffers));
  for (const Stage &stage : kernel.stages) {
    text += fmt::format("  stage {}\n", list(stage.axes));
    for (ValueId id : stage.code) {
      const Instruction &i = kernel.values[id];
      bool has_value = i.code != Code::store && i.code != Code::store_add;
      text += has_value ? fmt::format("    %{} = {}\n", id, print(i, buffers)) : fmt::format("    {}\n", print(i, buffers));
    }
  }
  return text;
}

std::string print(const Entry &entry) {
  std::string text = fmt::format("entry {}{} arena {}\n", entry.name, entry.steps ? " steps" : "", to_string(entry.arena_bytes));
  for (size_t id = 0; id < entry.buffers.size(); ++id) {
    const Buffer &buffer = entry.buffers[id];
    bool numbered = buffer.space == Space::source || buffer.space == Space::rows || buffer.space == Space::output ||
                    buffer.space == Space::constant;
    text += fmt::format("buffer b{} {}{} at {}: {} × {} {}{}\n", id, name(buffer.space),
                        numbered ? fmt::format(" {}", buffer.number) : "", to_string(buffer.offset), to_string(buffer.elements),
                        ir::name(buffer.elem), buffer.label, buffer.streamed ? " streamed" : "");
    for (const auto &[loop, elements] : buffer.moves)
      text += fmt::format("  moves {} a turn of loop {}\n", to_string(elements), loop);
  }
  for (int number = 0; number < static_cast<int>(entry.kernels.size()); ++number) {
    for (const TurnLoop &loop : entry.loops)
      if (loop.first == number && loop.last > number) text += fmt::format("loop {} turns to {}\n", loop.turns, loop.last - 1);
    text += print(entry.kernels[number], entry.buffers);
  }
  return text;
}

} // namespace nnc::codegen
