#pragma once
// Blocks of the functions that are no kernels.

#include <llvm/IR/IRBuilder.h>

namespace nnc::codegen {

inline llvm::BasicBlock *block_after(llvm::IRBuilder<> &b) {
  return llvm::BasicBlock::Create(b.getContext(), "", b.GetInsertBlock()->getParent());
}

/// Memory of the function's frame.
inline llvm::Value *emit_local(llvm::IRBuilder<> &b, llvm::Type *type, uint64_t count = 1) {
  llvm::BasicBlock &first = b.GetInsertBlock()->getParent()->getEntryBlock();
  llvm::IRBuilder<> at_entry(&first, first.begin());
  return at_entry.CreateAlloca(type, count == 1 ? nullptr : at_entry.getInt64(count));
}

/// if (condition) body();
template <typename Body> void emit_when(llvm::IRBuilder<> &b, llvm::Value *condition, Body &&body) {
  llvm::BasicBlock *then = block_after(b), *after = block_after(b);
  b.CreateCondBr(condition, then, after);
  b.SetInsertPoint(then);
  body();
  b.CreateBr(after);
  b.SetInsertPoint(after);
}

/// for (i = 0; i < count; ++i) body(i), for a count of at least 1.
template <typename Body> void emit_each(llvm::IRBuilder<> &b, uint64_t count, Body &&body) {
  llvm::BasicBlock *before = b.GetInsertBlock(), *loop = block_after(b), *after = block_after(b);
  b.CreateBr(loop);
  b.SetInsertPoint(loop);
  llvm::PHINode *index = b.CreatePHI(b.getInt64Ty(), 2);
  index->addIncoming(b.getInt64(0), before);
  body(index);
  llvm::Value *next = b.CreateAdd(index, b.getInt64(1));
  index->addIncoming(next, b.GetInsertBlock());
  b.CreateCondBr(b.CreateICmpULT(next, b.getInt64(count)), loop, after);
  b.SetInsertPoint(after);
}

} // namespace nnc::codegen
