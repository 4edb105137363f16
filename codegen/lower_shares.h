#pragma once
// The kernels of an entry as a list: what is known when compiling is a table of constants, from which each thread works its own list out when
// the entry is called. So neither the length of an entry's code nor what a step costs beside its kernels grows with what a share depends on.

#include "codegen/kernel_form.h"
#include "codegen/lower_places.h"
#include "codegen/lower_ticks.h"

#include <functional>

namespace nnc::codegen {

class Shares {
public:
  Shares(llvm::Module &, const Processor &, const Entry &, const std::vector<KernelForm> &, const std::vector<KernelCall> &);

  /// i1: some kernel has work enough for several threads.
  llvm::Value *any_shared(llvm::IRBuilder<> &, llvm::Value *examples) const;

  /// What all lists depend on.
  struct Team {
    llvm::Value *call, *examples;  // nnc_call *, i64
    llvm::Value *thread, *threads; // i64
    llvm::Value *handle;           // nnc_call::team
    llvm::FunctionCallee meet;     // nnc_barrier
    const TickCounter *ticks = nullptr;
  };
  /// Makes this thread's list.
  void emit(llvm::IRBuilder<> &, const Places &, const Team &);
  /// Runs the kernels in order; alone: a list of one thread, without barriers.
  void run(llvm::IRBuilder<> &, const Places &, const Team &, llvm::Value *turn, bool is_alone) const;

private:
  enum Column { function, places, is_due, shared_from, begins, loop_from, extent, granule = extent + 3, columns }; // of the table
  enum Field { code, place, first, last, meets, enters };                                                          // of the list

  /// What `run` does with kernels [from, to) without loops, and before the loop that begins with a kernel.
  struct Actions {
    std::function<void(int from, int to)> stretch;
    std::function<void(int kernel)> enter;
  };
  void run(llvm::IRBuilder<> &, const Places &, const Actions &, int first, int last, int around) const;

  llvm::Module &module_;
  const Entry &entry_;
  std::vector<llvm::Function *> functions_; // by kernel
  std::vector<llvm::Constant *> rows_;
  llvm::StructType *row_, *share_;
  llvm::FunctionType *kernel_ = nullptr;
  int64_t least_ = never;
  llvm::Value *list_ = nullptr;

  static constexpr int64_t never = INT64_MAX;

public:
  static constexpr int64_t bytes_of_kernel = 8 * (enters + 1); // in the list
};

} // namespace nnc::codegen
