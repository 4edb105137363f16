#include "codegen/lower_places.h"

#include "codegen/lower_blocks.h"
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
  moves_.resize(entry.loops.size());
  for (const KernelCall &call : calls) {
    for (BufferId id : call.buffers) {
      const Buffer &buffer = entry.buffers[id];
      for (const auto &[loop, elements] : buffer.moves)
        moves_[loop].push_back({rows_.size(), elements * Size(ir::bytes(buffer.elem)), step_count_++});
      rows_.push_back({buffer.space == Space::slab ? 0 : start_of(buffer), buffer.offset.c});
    }
    for (uint64_t number : call.numbers) rows_.push_back({0, {static_cast<int64_t>(number), 0, 0}});
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
  case Space::slab: break; // not of the call
  }
  throw ir::InternalError("a buffer in no space");
}

/// A small network's call is short; there each place has code of its own.
static constexpr size_t longest_unrolled = 256;

void Places::emit(llvm::IRBuilder<> &b, Value *call, Value *examples) {
  if (rows_.empty()) return;
  llvm::Type *i64 = b.getInt64Ty();
  std::vector<Value *> starts = {b.getInt64(0)};
  for (const Buffer *buffer : starts_) starts.push_back(b.CreatePtrToInt(start(b, call, *buffer), i64));
  array_ = emit_local(b, i64, rows_.size());
  emit_steps(b, examples);
  if (!entry_.steps || rows_.size() > longest_unrolled) return emit_from_table(b, starts, examples);
  for (size_t number = 0; number < rows_.size(); ++number) {
    const auto &[start, c] = rows_[number];
    Value *place = b.CreateAdd(starts[start], b.getInt64(c[0])), *power = examples;
    for (int degree = 1; degree < 3; ++degree, power = b.CreateMul(power, examples))
      if (c[degree] != 0) place = b.CreateAdd(place, b.CreateMul(power, b.getInt64(c[degree])));
    b.CreateStore(place, b.CreateConstInBoundsGEP1_64(i64, array_, number));
  }
}

void Places::emit_from_table(llvm::IRBuilder<> &b, const std::vector<Value *> &starts, Value *examples) {
  llvm::Type *i64 = b.getInt64Ty();
  Value *array = emit_local(b, i64, starts.size());
  for (size_t number = 0; number < starts.size(); ++number)
    b.CreateStore(starts[number], b.CreateConstInBoundsGEP1_64(i64, array, number));
  std::vector<uint64_t> flat;
  for (const Row &row : rows_) {
    flat.push_back(row.start);
    for (int64_t coefficient : row.c) flat.push_back(static_cast<uint64_t>(coefficient));
  }
  Value *table = constant_data(module_, llvm::ConstantDataArray::get(b.getContext(), flat));
  emit_each(b, rows_.size(), [&](Value *index) {
    Value *row = b.CreateInBoundsGEP(i64, table, b.CreateMul(index, b.getInt64(sizeof(Row) / sizeof(uint64_t))));
    auto column = [&](uint64_t number) -> Value * { return b.CreateLoad(i64, b.CreateConstInBoundsGEP1_64(i64, row, number)); };
    Value *place = b.CreateAdd(b.CreateMul(examples, column(3)), column(2));
    place = b.CreateAdd(b.CreateMul(examples, place), column(1));
    place = b.CreateAdd(place, b.CreateLoad(i64, b.CreateInBoundsGEP(i64, array, column(0))));
    b.CreateStore(place, b.CreateInBoundsGEP(i64, array_, index));
  });
}

void Places::emit_steps(llvm::IRBuilder<> &b, Value *examples) {
  if (step_count_ == 0) return;
  llvm::Type *i64 = b.getInt64Ty();
  steps_ = emit_local(b, i64, step_count_);
  for (const std::vector<Move> &moves : moves_)
    for (const Move &move : moves) {
      Value *step = b.CreateAdd(b.CreateMul(examples, b.getInt64(move.bytes.c[2])), b.getInt64(move.bytes.c[1]));
      step = b.CreateAdd(b.CreateMul(examples, step), b.getInt64(move.bytes.c[0]));
      b.CreateStore(step, b.CreateConstInBoundsGEP1_64(i64, steps_, move.step));
    }
}

void Places::move(llvm::IRBuilder<> &b, int loop, int64_t turns) const {
  llvm::Type *i64 = b.getInt64Ty();
  for (const Move &move : moves_[loop]) {
    Value *place = b.CreateConstInBoundsGEP1_64(i64, array_, move.place);
    Value *step = b.CreateMul(b.CreateLoad(i64, b.CreateConstInBoundsGEP1_64(i64, steps_, move.step)), b.getInt64(turns));
    b.CreateStore(b.CreateAdd(b.CreateLoad(i64, place), step), place);
  }
}

Value *Places::at(llvm::IRBuilder<> &b, Value *number) const {
  if (rows_.empty()) return llvm::ConstantPointerNull::get(b.getPtrTy());
  return b.CreateInBoundsGEP(b.getInt64Ty(), array_, number);
}

} // namespace nnc::codegen
