#include "codegen/lower_places.h"

#include "ir/builder.h"
#include "runtime/module.h"

#include <cstddef>

namespace nnc::codegen {

using llvm::Value;

/// The values in the element that they are stored in.
static llvm::Constant *constant_array(llvm::LLVMContext &context, const std::vector<double> &values, ir::Elem elem) {
  auto array = [&](auto zero) {
    std::vector<decltype(zero)> typed;
    for (double value : values) typed.push_back(static_cast<decltype(zero)>(value));
    return llvm::ConstantDataArray::get(context, typed);
  };
  switch (elem) {
  case ir::Elem::boolean:
  case ir::Elem::u8: return array(uint8_t{});
  case ir::Elem::i32: return array(int32_t{});
  case ir::Elem::f32: return array(float{});
  case ir::Elem::f64: return array(double{});
  }
  return nullptr;
}

static llvm::GlobalVariable *constant_data(llvm::Module &module, llvm::Constant *data) {
  auto *global = new llvm::GlobalVariable(module, data->getType(), true, llvm::GlobalValue::PrivateLinkage, data);
  global->setAlignment(llvm::Align(64));
  return global;
}

Places::Places(llvm::Module &module, const Entry &entry, const std::vector<KernelCall> &calls) : module_(module), entry_(entry) {
  for (size_t number = 0; number < entry.constants.size(); ++number) {
    ir::Elem elem = ir::Elem::f64; // that of the buffers that read it
    for (const Buffer &buffer : entry.buffers)
      if (buffer.space == Space::constant && buffer.number == static_cast<int>(number)) elem = buffer.elem;
    constants_.push_back(constant_data(module, constant_array(module.getContext(), entry.constants[number], elem)));
  }
  for (const KernelCall &call : calls) {
    first_.push_back(rows_.size());
    for (BufferId id : call.buffers) rows_.push_back({start_of(entry.buffers[id]), entry.buffers[id].offset.c});
    for (uint64_t path : call.paths) rows_.push_back({0, {static_cast<int64_t>(path), 0, 0}});
  }
}

uint64_t Places::start_of(const Buffer &buffer) {
  bool is_numbered = buffer.space == Space::source || buffer.space == Space::rows || buffer.space == Space::output ||
                     buffer.space == Space::constant;
  for (size_t number = 0; number < starts_.size(); ++number)
    if (starts_[number]->space == buffer.space && (!is_numbered || starts_[number]->number == buffer.number)) return number + 1;
  starts_.push_back(&buffer);
  return starts_.size();
}

Value *Places::start(llvm::IRBuilder<> &b, Value *call, const Buffer &buffer) const {
  llvm::Type *pointer = b.getPtrTy();
  auto field = [&](size_t offset) { return b.CreateLoad(pointer, b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), call, offset)); };
  auto element = [&](Value *table) { return b.CreateLoad(pointer, b.CreateConstInBoundsGEP1_64(pointer, table, buffer.number)); };
  switch (buffer.space) {
  case Space::state: return field(offsetof(nnc_call, state));
  case Space::arena: return field(offsetof(nnc_call, arena));
  case Space::source: return element(field(offsetof(nnc_call, sources)));
  case Space::rows: return element(field(offsetof(nnc_call, rows)));
  case Space::output: return element(field(offsetof(nnc_call, outputs)));
  case Space::settings: return field(offsetof(nnc_call, settings));
  case Space::costs: return field(offsetof(nnc_call, costs));
  case Space::reports: return field(offsetof(nnc_call, reports));
  case Space::constant: return constants_.at(buffer.number);
  }
  throw ir::InternalError("a buffer in no space");
}

void Places::emit(llvm::IRBuilder<> &b, Value *call, Value *examples) {
  if (rows_.empty()) return;
  llvm::Type *i64 = b.getInt64Ty();
  Value *starts = b.CreateAlloca(i64, b.getInt64(starts_.size() + 1));
  array_ = b.CreateAlloca(i64, b.getInt64(rows_.size()));
  b.CreateStore(b.getInt64(0), starts);
  for (size_t number = 0; number < starts_.size(); ++number)
    b.CreateStore(b.CreatePtrToInt(start(b, call, *starts_[number]), i64), b.CreateConstInBoundsGEP1_64(i64, starts, number + 1));

  std::vector<uint64_t> flat;
  for (const Row &row : rows_) {
    flat.push_back(row.start);
    for (int64_t coefficient : row.c) flat.push_back(static_cast<uint64_t>(coefficient));
  }
  Value *table = constant_data(module_, llvm::ConstantDataArray::get(b.getContext(), flat));
  constexpr uint64_t width = sizeof(Row) / sizeof(uint64_t);

  llvm::BasicBlock *before = b.GetInsertBlock();
  llvm::Function *function = before->getParent();
  auto *body = llvm::BasicBlock::Create(b.getContext(), "places", function);
  auto *after = llvm::BasicBlock::Create(b.getContext(), "", function);
  b.CreateBr(body);
  b.SetInsertPoint(body);
  llvm::PHINode *index = b.CreatePHI(i64, 2);
  index->addIncoming(b.getInt64(0), before);
  Value *row = b.CreateInBoundsGEP(i64, table, b.CreateMul(index, b.getInt64(width)));
  auto column = [&](uint64_t number) -> Value * { return b.CreateLoad(i64, b.CreateConstInBoundsGEP1_64(i64, row, number)); };
  Value *place = b.CreateAdd(b.CreateMul(examples, column(3)), column(2));
  place = b.CreateAdd(b.CreateMul(examples, place), column(1));
  place = b.CreateAdd(place, b.CreateLoad(i64, b.CreateInBoundsGEP(i64, starts, column(0))));
  b.CreateStore(place, b.CreateInBoundsGEP(i64, array_, index));
  Value *next = b.CreateAdd(index, b.getInt64(1));
  index->addIncoming(next, body);
  b.CreateCondBr(b.CreateICmpULT(next, b.getInt64(rows_.size())), body, after);
  b.SetInsertPoint(after);
}

Value *Places::of(llvm::IRBuilder<> &b, size_t kernel) const {
  if (rows_.empty()) return llvm::ConstantPointerNull::get(b.getPtrTy());
  return b.CreateConstInBoundsGEP1_64(b.getInt64Ty(), array_, first_[kernel]);
}

} // namespace nnc::codegen
