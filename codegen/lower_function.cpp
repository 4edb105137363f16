// The frame of a kernel's function: arguments, loops, sizes and addresses.

#include "codegen/lower.h"

#include "ir/builder.h"
#include "runtime/module.h"

#include <llvm/IR/MDBuilder.h>

namespace nnc::codegen {

using llvm::Value;

llvm::Type *memory_type(llvm::LLVMContext &context, ir::Elem elem) {
  return elem == ir::Elem::boolean ? llvm::Type::getInt8Ty(context) : register_type(context, elem);
}

llvm::Type *vector_of(llvm::Type *type, int width) { return width == 1 ? type : llvm::FixedVectorType::get(type, width); }

KernelFunction::KernelFunction(llvm::Module &module, const Processor &processor, const Entry &e, const Kernel &k,
                               const std::vector<Value *> &constants)
    : entry(e), kernel(k), target(processor), b(module.getContext()), first_(module.getContext()), constants_(constants) {
  llvm::Type *i64 = b.getInt64Ty();
  auto *type = llvm::FunctionType::get(b.getVoidTy(), {b.getPtrTy(), i64, i64, i64, i64}, false);
  function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, e.name + "_" + k.name, module);
  function->addFnAttr("prefer-vector-width", std::to_string(processor.vector_bytes * 8));
  function->addFnAttr("target-cpu", processor.cpu);
  if (!processor.features.empty()) function->addFnAttr("target-features", processor.features);
  function->setDoesNotThrow();
  function->addParamAttr(0, llvm::Attribute::NonNull);
  call_ = function->getArg(0), examples_ = function->getArg(1), turn_ = function->getArg(2);
  begin = function->getArg(3), end = function->getArg(4);
  llvm::BasicBlock *entry_block = block("entry");
  body_ = block("body");
  first_.SetInsertPoint(entry_block);
  b.SetInsertPoint(body_);
  bases_.resize(e.buffers.size());
  find_scopes();
}

llvm::BasicBlock *KernelFunction::block(const char *name) { return llvm::BasicBlock::Create(context(), name, function); }

Value *KernelFunction::size(const Size &size) {
  if (size.is_constant()) return b.getInt64(size.c[0]);
  Value *&value = sizes_[size.c];
  if (!value) {
    // c[0] + B·(c[1] + B·c[2])
    value = first_.CreateMul(examples_, first_.getInt64(size.c[2]));
    value = first_.CreateMul(examples_, first_.CreateAdd(value, first_.getInt64(size.c[1])));
    value = first_.CreateAdd(value, first_.getInt64(size.c[0]));
  }
  return value;
}

Value *KernelFunction::field(size_t offset, llvm::Type *type) {
  Value *&value = fields_[offset];
  if (!value) {
    auto *load = first_.CreateLoad(type, first_.CreateConstInBoundsGEP1_64(first_.getInt8Ty(), call_, offset));
    load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(context(), {}));
    value = load;
  }
  return value;
}

/// The start of a buffer's space; what `train` has one of per step is that of the current one.
Value *KernelFunction::space_base(const Buffer &buffer) {
  llvm::Type *pointer = b.getPtrTy();
  auto table = [&](size_t offset) {
    Value *slot = first_.CreateConstInBoundsGEP1_64(pointer, field(offset, pointer), buffer.number);
    return first_.CreateLoad(pointer, slot);
  };
  auto advanced = [&](Value *start, llvm::Type *type, Value *per_step) -> Value * {
    return entry.steps ? first_.CreateInBoundsGEP(type, start, first_.CreateMul(turn_, per_step)) : start;
  };
  switch (buffer.space) {
  case Space::state: return field(offsetof(nnc_call, state), pointer);
  case Space::arena: return field(offsetof(nnc_call, arena), pointer);
  case Space::source: return table(offsetof(nnc_call, sources));
  case Space::rows: return advanced(table(offsetof(nnc_call, rows)), b.getInt32Ty(), examples_);
  case Space::output: return table(offsetof(nnc_call, outputs));
  case Space::settings: return field(offsetof(nnc_call, settings), pointer);
  case Space::costs: return advanced(field(offsetof(nnc_call, costs), pointer), b.getDoubleTy(), b.getInt64(entry.costs));
  case Space::reports: return advanced(field(offsetof(nnc_call, reports), pointer), b.getDoubleTy(), b.getInt64(entry.reports));
  case Space::constant: return constants_.at(buffer.number);
  }
  throw ir::InternalError("a buffer in no space");
}

Value *KernelFunction::base(BufferId id) {
  Value *&value = bases_[id];
  if (!value) {
    const Buffer &buffer = entry.buffers[id];
    value = space_base(buffer);
    if (!buffer.offset.is_zero()) value = first_.CreateInBoundsGEP(first_.getInt8Ty(), value, size(buffer.offset));
  }
  return value;
}

Value *KernelFunction::call_value(ir::InputKind kind) {
  llvm::Type *i64 = b.getInt64Ty(), *i32 = b.getInt32Ty();
  auto narrow = [&](Value *value) { return first_.CreateTrunc(value, i32); };
  switch (kind) {
  case ir::InputKind::seed_low: return narrow(field(offsetof(nnc_call, seed), i64));
  case ir::InputKind::seed_high: return narrow(first_.CreateLShr(field(offsetof(nnc_call, seed), i64), 32));
  case ir::InputKind::step: return narrow(first_.CreateAdd(field(offsetof(nnc_call, step), i64), turn_));
  case ir::InputKind::total_steps: return narrow(field(offsetof(nnc_call, total_steps), i64));
  case ir::InputKind::epoch: return narrow(field(offsetof(nnc_call, epoch), i64));
  case ir::InputKind::examples: return narrow(examples_);
  default: throw ir::InternalError("a kernel reads an input that a call does not have");
  }
}

Value *KernelFunction::local(llvm::Type *type, int64_t count, int alignment) {
  auto *memory = first_.CreateAlloca(type, count == 1 ? nullptr : first_.getInt64(count));
  if (alignment) memory->setAlignment(llvm::Align(alignment));
  return memory;
}

KernelFunction::Loop KernelFunction::open(Value *from, Value *to, int64_t step) {
  auto *low = llvm::dyn_cast<llvm::ConstantInt>(from), *high = llvm::dyn_cast<llvm::ConstantInt>(to);
  Loop l;
  l.step = step;
  if (low && high && low->getSExtValue() + step >= high->getSExtValue()) {
    l.runs = low->getSExtValue() < high->getSExtValue();
    l.index = from;
    return l;
  }
  llvm::BasicBlock *before = b.GetInsertBlock();
  l.body = block("loop"), l.after = block("done");
  if (low && high)
    b.CreateBr(l.body);
  else
    b.CreateCondBr(b.CreateICmpSLT(from, to), l.body, l.after);
  b.SetInsertPoint(l.body);
  llvm::PHINode *index = b.CreatePHI(b.getInt64Ty(), 2);
  index->addIncoming(from, before);
  l.index = index, l.to = to;
  return l;
}

void KernelFunction::close(Loop &l) {
  if (!l.body) return;
  auto *index = llvm::cast<llvm::PHINode>(l.index);
  Value *next = b.CreateNSWAdd(index, b.getInt64(l.step));
  index->addIncoming(next, b.GetInsertBlock());
  b.CreateCondBr(b.CreateICmpSLT(next, l.to), l.body, l.after);
  b.SetInsertPoint(l.after);
}

/// Whether two buffers never share a byte, for any number of examples.
static bool apart(const Buffer &a, const Buffer &b) {
  if (a.space != b.space) return true;
  if (a.number != b.number) return true;
  auto before = [](const Buffer &first, const Buffer &second) {
    Size end = first.offset + first.elements * Size(ir::bytes(first.elem));
    for (int i = 0; i < 3; ++i)
      if (second.offset.c[i] < end.c[i]) return false;
    return true;
  };
  return before(a, b) || before(b, a);
}

void KernelFunction::find_scopes() {
  std::vector<BufferId> used;
  auto use = [&](const Access &access) { used.push_back(access.buffer); };
  for (const Instruction &i : kernel.values)
    if (i.code == Code::load || i.code == Code::store || i.code == Code::store_add) use(i.access);
  if (kernel.contraction) use(kernel.contraction->a), use(kernel.contraction->b);
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());

  llvm::MDBuilder metadata(context());
  llvm::MDNode *domain = metadata.createAnonymousAliasScopeDomain();
  scope_.resize(entry.buffers.size()), apart_.resize(entry.buffers.size());
  for (BufferId id : used) scope_[id] = metadata.createAnonymousAliasScope(domain);
  for (BufferId id : used) {
    std::vector<llvm::Metadata *> others;
    for (BufferId other : used)
      if (other != id && apart(entry.buffers[id], entry.buffers[other])) others.push_back(scope_[other]);
    apart_[id] = llvm::MDNode::get(context(), others);
  }
  for (BufferId id : used) scope_[id] = llvm::MDNode::get(context(), {scope_[id]});
}

llvm::Instruction *KernelFunction::mark(llvm::Instruction *access, BufferId id) {
  access->setMetadata(llvm::LLVMContext::MD_alias_scope, scope_[id]);
  access->setMetadata(llvm::LLVMContext::MD_noalias, apart_[id]);
  return access;
}

void KernelFunction::finish() {
  b.CreateRetVoid();
  first_.CreateBr(body_);
}

} // namespace nnc::codegen
