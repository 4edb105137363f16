// The frame of a kernel's function: arguments, loops, sizes and addresses.

#include "codegen/lower.h"

#include "ir/builder.h"
#include "runtime/module.h"

#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/MDBuilder.h>

namespace nnc::codegen {

using llvm::Value;

llvm::Type *memory_type(llvm::LLVMContext &context, ir::Elem elem) {
  return elem == ir::Elem::boolean ? llvm::Type::getInt8Ty(context) : register_type(context, elem);
}

llvm::Type *vector_of(llvm::Type *type, int width) { return width == 1 ? type : llvm::FixedVectorType::get(type, width); }

std::string kernel_symbol(const KernelForm &form) { return "nnc_" + form.kernel.name; }

llvm::Function *kernel_function(llvm::Module &module, const std::string &kernel) {
  const std::string name = "nnc_" + kernel;
  if (llvm::Function *known = module.getFunction(name)) return known;
  llvm::LLVMContext &context = module.getContext();
  llvm::Type *i64 = llvm::Type::getInt64Ty(context), *pointer = llvm::PointerType::get(context, 0);
  auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer, pointer, i64, i64, i64, i64}, false);
  auto *made = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module);
  made->setVisibility(llvm::GlobalValue::HiddenVisibility);
  made->setDoesNotThrow();
  return made;
}

KernelFunction::KernelFunction(llvm::Module &module, const Processor &processor, const KernelForm &f)
    : form(f), kernel(f.kernel), target(processor), b(module.getContext()), function(kernel_function(module, f.kernel.name)),
      first_(module.getContext()), bases_(f.buffers.size()), numbers_(f.numbers) {
  function->addFnAttr("prefer-vector-width", std::to_string(processor.vector_bytes * 8));
  function->addFnAttr("target-cpu", processor.cpu);
  if (!processor.features.empty()) function->addFnAttr("target-features", processor.features);
  function->addParamAttr(0, llvm::Attribute::NonNull);
  call_ = function->getArg(0), places_ = function->getArg(1), examples_ = function->getArg(2), turn_ = function->getArg(3);
  begin = function->getArg(4), end = function->getArg(5);
  llvm::BasicBlock *entry_block = block("entry");
  body_ = block("body");
  first_.SetInsertPoint(entry_block);
  b.SetInsertPoint(body_);
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

Value *KernelFunction::place(size_t number, llvm::Type *type) {
  auto *load = first_.CreateLoad(type, first_.CreateConstInBoundsGEP1_64(first_.getInt64Ty(), places_, number));
  load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(context(), {}));
  return load;
}

Value *KernelFunction::base(BufferId id) {
  Value *&value = bases_[id];
  if (const int64_t at = form.buffers[id].scratch; !value && at >= 0) {
    if (!scratch_) scratch_ = local(b.getInt8Ty(), kernel.slab_bytes, 64);
    value = first_.CreateConstInBoundsGEP1_64(b.getInt8Ty(), scratch_, at);
  }
  if (!value) {
    const Size &per_turn = form.buffers[id].per_turn;
    value = place(id, b.getPtrTy());
    if (!per_turn.is_zero()) value = first_.CreateInBoundsGEP(first_.getInt8Ty(), value, first_.CreateMul(turn_, size(per_turn)));
  }
  return value;
}

Value *KernelFunction::number(uint64_t number) {
  Value *&value = numbers_[number];
  if (!value) value = place(form.buffers.size() + number, b.getInt64Ty());
  return value;
}

Value *KernelFunction::given(uint64_t number, ir::Elem elem) {
  Value *value = first_.CreateBitCast(this->number(number), b.getDoubleTy());
  return elem == ir::Elem::f32 ? first_.CreateFPTrunc(value, b.getFloatTy()) : value;
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

void KernelFunction::find_scopes() {
  llvm::MDBuilder metadata(context());
  llvm::MDNode *domain = metadata.createAnonymousAliasScopeDomain();
  size_t count = form.buffers.size();
  std::vector<llvm::MDNode *> scopes;
  for (size_t id = 0; id < count; ++id) scopes.push_back(metadata.createAnonymousAliasScope(domain));
  for (size_t id = 0; id < count; ++id) {
    std::vector<llvm::Metadata *> others;
    for (size_t other = 0; other < count; ++other)
      if (other != id && form.buffers[id].apart[other]) others.push_back(scopes[other]);
    apart_.push_back(llvm::MDNode::get(context(), others));
    scope_.push_back(llvm::MDNode::get(context(), {scopes[id]}));
  }
}

llvm::Instruction *KernelFunction::mark(llvm::Instruction *access, BufferId id) {
  access->setMetadata(llvm::LLVMContext::MD_alias_scope, scope_[id]);
  access->setMetadata(llvm::LLVMContext::MD_noalias, apart_[id]);
  return access;
}

Value *KernelFunction::stream(llvm::StoreInst *store) {
  streams_ = true;
  store->setMetadata(llvm::LLVMContext::MD_nontemporal,
                     llvm::MDNode::get(context(), llvm::ConstantAsMetadata::get(b.getInt32(1))));
  return store;
}

void KernelFunction::finish() {
  if (streams_) b.CreateIntrinsic(llvm::Intrinsic::x86_sse_sfence, {}, {}); // before whoever waits for this thread reads it
  b.CreateRetVoid();
  first_.CreateBr(body_);
}

} // namespace nnc::codegen
