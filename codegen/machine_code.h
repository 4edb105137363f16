#pragma once
// LLVM modules to machine code.

#include "codegen/target.h"

#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

namespace nnc::codegen {

/// Makes one module after the other. Each thread has its own.
class MachineCode {
public:
  MachineCode(const Processor &, const Timed &);

  const Processor &processor() const { return processor_; }

  /// A new module; the one before is gone.
  llvm::Module &start();
  /// The module optimised, as LLVM IR, assembly or an object. Throws InternalError where lowering has made an ill-formed one.
  std::string finish(Output);

private:
  void verify();
  void optimise();

  const Processor &processor_;
  const Timed &timed_;
  std::unique_ptr<llvm::TargetMachine> machine_;
  llvm::LLVMContext context_;
  std::unique_ptr<llvm::Module> module_;
};

} // namespace nnc::codegen
