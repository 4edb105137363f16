#pragma once
// The places of an entry's kernels: one array, which each thread fills when the entry is called, from a table of constants where it
// is long.

#include "codegen/kernel_form.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

namespace nnc::codegen {

class Places {
public:
  Places(llvm::Module &, const Entry &, const std::vector<KernelCall> &);

  /// Fills the array.
  void emit(llvm::IRBuilder<> &, llvm::Value *call, llvm::Value *examples);
  /// The address of place `number`, in code after `emit`; kernels' places follow each other in the order of the calls.
  llvm::Value *at(llvm::IRBuilder<> &, llvm::Value *number) const;

private:
  /// A place is start + c[0] + c[1]·B + c[2]·B²; a path has 0 for its start.
  struct Row {
    uint64_t start;
    std::array<int64_t, 3> c;
  };

  void emit_from_table(llvm::IRBuilder<> &, const std::vector<llvm::Value *> &starts, llvm::Value *examples);
  uint64_t start_of(const Buffer &);
  llvm::Value *start(llvm::IRBuilder<> &, llvm::Value *call, const Buffer &) const;

  llvm::Module &module_;
  const Entry &entry_;
  std::vector<const Buffer *> starts_; // one buffer of each stretch of memory; start number n is that of starts_[n - 1]
  std::vector<Row> rows_;
  std::vector<llvm::Value *> constants_;
  llvm::Value *array_ = nullptr;
};

} // namespace nnc::codegen
