// The straight-line code of a stage, for the points of a block.

#include "codegen/cost.h"
#include "codegen/lower.h"

#include "ir/builder.h"

namespace nnc::codegen {

using ir::Op;
using llvm::Value;

int kernel_lanes(const Kernel &kernel, const Processor &target) {
  bool f32 = false, f64 = false;
  for (const Instruction &i : kernel.values) f32 |= i.elem == ir::Elem::f32, f64 |= i.elem == ir::Elem::f64;
  return target.lanes(f64 && !f32 ? 8 : 4);
}

double code_cost(const Kernel &kernel, const Stage &stage) {
  double cost = 0;
  for (ValueId id : stage.code) {
    const Instruction &i = kernel.values[id];
    bool is_indirect = !i.access.indirect.empty();
    cost += i.code == Code::scalar                             ? scalar_cost(i.op)
            : is_indirect                                      ? 8
            : i.code == Code::constant || i.code == Code::axis ? 0
                                                               : 1;
  }
  return cost;
}

namespace {

Computed emit_elementwise(KernelFunction &f, const Instruction &i, const Block &block, const Computations &values) {
  Computed result{{}, true};
  for (ValueId id : i.operands) result.uniform &= values[id].uniform;
  std::vector<Computed> operands;
  for (ValueId id : i.operands) operands.push_back(result.uniform ? values[id] : spread(f, values[id], block));
  for (int v = 0; v < (result.uniform ? 1 : block.vectors); ++v) {
    llvm::SmallVector<Value *, 6> parts;
    for (const Computed &operand : operands) parts.push_back(operand.parts[v]);
    if (i.op == ir::Op::random_bits) parts.push_back(f.number(i.random.path));
    result.parts.push_back(emit_scalar(f.b, f.math(), i, parts));
  }
  return result;
}

Computed emit_axis(KernelFunction &f, int axis, const Block &block) {
  llvm::Type *i32 = f.b.getInt32Ty();
  Value *first = f.b.CreateTrunc(block.axes[axis], i32);
  const bool moves_by_vector = axis == block.vector_axis;
  if (axis != block.lane_axis && !moves_by_vector) return {{first}, true};
  Computed result{{}, false};
  for (int v = 0; v < block.vectors; ++v) {
    const int64_t before = block.vector_axis >= 0 ? 0 : int64_t{v} * block.width;
    llvm::Value *steps = moves_by_vector ? f.b.CreateVectorSplat(block.width, f.b.getInt32(static_cast<uint32_t>(v)))
                                         : counting(i32, block.width, before);
    result.parts.push_back(f.b.CreateAdd(f.b.CreateVectorSplat(block.width, first), steps));
  }
  return result;
}

Value *emit_constant(KernelFunction &f, const Instruction &i) {
  llvm::Type *type = register_type(f.context(), i.elem);
  if (ir::is_float(i.elem)) return llvm::ConstantFP::get(type, i.elem == ir::Elem::f32 ? static_cast<float>(i.value) : i.value);
  return llvm::ConstantInt::get(type, static_cast<uint64_t>(static_cast<int64_t>(i.value)), true);
}

void emit_store_add(KernelFunction &f, const Instruction &i, const Block &block, const Computations &values) {
  Computed sum = load(f, i.access, block, values);
  const Computed &addend = values[i.operands[0]];
  if (sum.uniform && !addend.uniform) throw ir::InternalError(f.kernel.name + " adds what its lanes differ in to one element");
  Computed added = sum.uniform ? addend : spread(f, addend, block);
  for (size_t v = 0; v < sum.parts.size(); ++v)
    sum.parts[v] = emit_combine(f.b, ir::ReduceKind::add, sum.parts[v], added.parts[v]);
  store(f, i.access, block, values, sum);
}

} // namespace

void emit_code(KernelFunction &f, const Stage &stage, const Block &block, Computations &values, Reductions *reductions) {
  for (ValueId id : stage.code) {
    const Instruction &i = f.kernel.values[id];
    switch (i.code) {
    case Code::constant: values[id] = {{emit_constant(f, i)}, true}; break;
    case Code::given: values[id] = {{f.given(static_cast<uint64_t>(i.value), i.elem)}, true}; break;
    case Code::axis: values[id] = emit_axis(f, i.axis, block); break;
    case Code::call_value: values[id] = {{f.call_value(i.input)}, true}; break;
    case Code::load: values[id] = load(f, i.access, block, values); break;
    case Code::scalar: values[id] = emit_elementwise(f, i, block, values); break;
    case Code::reduce:
    case Code::argreduce: reductions->add(id, block, values); break;
    case Code::accumulator: break; // there already
    case Code::store: store(f, i.access, block, values, values[i.operands[0]]); break;
    case Code::store_add: emit_store_add(f, i, block, values); break;
    }
  }
}

} // namespace nnc::codegen
