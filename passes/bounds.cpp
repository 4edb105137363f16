// What is known of the size of values by how they are made.

#include "passes/contract.h"
#include "passes/rewrite.h"

#include "ir/family.h"

#include <cmath>

namespace nnc::passes {

using namespace ir;

namespace {

/// Whether `id` is the reduction of `x` along some axes, spread over these again.
bool is_own(const Function &f, NodeId id, ReduceKind kind, NodeId x) {
  if (f[id].op != Op::broadcast || f.type(id).dims != f.type(x).dims) return false;
  const NodeId reduced = f[id].operands[0];
  if (f[reduced].op != Op::reduce || f[reduced].operands[0] != x) return false;
  const auto &reduce = attributes<ReduceAttributes>(f, reduced);
  return reduce.kind == kind && attributes<AxesAttributes>(f, id).axes == other_axes(reduce.axes, f.type(x).rank());
}

/// e^(x - max x), or what is positive like it.
bool is_shifted_exp(const Function &f, NodeId id) {
  if (f[id].op != Op::exp || f[f[id].operands[0]].op != Op::sub) return false;
  const std::vector<NodeId> &difference = f[f[id].operands[0]].operands;
  return is_own(f, difference[1], ReduceKind::max, difference[0]);
}

} // namespace

bool at_most_one(const Function &f, NodeId id) {
  if (auto value = splat(f, id)) return std::fabs(*value) <= 1;
  const std::vector<NodeId> &operands = f[id].operands;
  switch (f[id].op) {
  case Op::exp: return is_shifted_exp(f, id);
  case Op::tanh:
  case Op::sin:
  case Op::cos: return true;
  case Op::neg:
  case Op::broadcast:
  case Op::reshape:
  case Op::transpose: return at_most_one(f, operands[0]);
  case Op::select: return at_most_one(f, operands[1]) && at_most_one(f, operands[2]);
  case Op::div: return is_shifted_exp(f, operands[0]) && is_own(f, operands[1], ReduceKind::add, operands[0]);
  default: return false;
  }
}

} // namespace nnc::passes
