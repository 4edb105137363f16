#pragma once
// The processor that code is made for.

#include "codegen/compile.h"

#include <memory>

namespace llvm {
class TargetMachine;
}

namespace nnc::codegen {

/// What lowering must know of it.
struct Processor {
  std::string cpu, features;
  int vector_bytes = 16; // of the widest registers
  int registers = 16;    // vector registers
  bool fma = false;
  double least_shared_work = 0; // of Target

  /// Lanes of the widest vectors of `bytes`-wide elements.
  int lanes(int bytes) const { return vector_bytes / bytes; }
};

/// Throws std::invalid_argument for a name that is none of those of Target.
Processor processor(const Target &);

std::unique_ptr<llvm::TargetMachine> target_machine(const Processor &);

} // namespace nnc::codegen
