#pragma once
// Time-stamp counts by kernel, where the caller asks for them (nnc_call::ticks).

#include <llvm/IR/IRBuilder.h>

namespace nnc::codegen {

/// The time of a thread from `emit` on goes, stretch by stretch, to the counters that its laps name.
class TickCounter {
public:
  /// i1: whether the caller asks for counts of `kernels` kernels and one more.
  llvm::Value *emit(llvm::IRBuilder<> &, llvm::Value *ticks, llvm::Value *thread, size_t kernels);
  /// Gives the time since the lap before to a counter.
  void lap(llvm::IRBuilder<> &, llvm::Value *counter) const;

private:
  llvm::Value *is_asked_ = nullptr, *row_ = nullptr, *before_ = nullptr;
};

} // namespace nnc::codegen
