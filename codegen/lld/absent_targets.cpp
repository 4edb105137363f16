// lld sets up all of LLVM's targets, for link-time optimisation. What is linked here is x86-64 and has been optimised, so nnc has no code of
// the others: their functions are there and do nothing.

#include <llvm/Passes/PassPlugin.h>

#define NNC_ABSENT(target)                                                                                                       \
  void LLVMInitialize##target##TargetInfo() {}                                                                                   \
  void LLVMInitialize##target##Target() {}                                                                                       \
  void LLVMInitialize##target##TargetMC() {}                                                                                     \
  void LLVMInitialize##target##AsmPrinter() {}                                                                                   \
  void LLVMInitialize##target##AsmParser() {}                                                                                    \
  void LLVMInitialize##target##Disassembler() {}

// Nothing where NNC_PRESENT_<target> is a comma, which moves the second argument to the third place.
#define NNC_PRESENT_X86 ,
#define NNC_SECOND(first, second, ...) second
#define NNC_UNLESS(present, code) NNC_SECOND(present, code, )

extern "C" {
#define LLVM_TARGET(target) NNC_UNLESS(NNC_PRESENT_##target, NNC_ABSENT(target))
#include <llvm/Config/Targets.def>
}

/// Polly, a plugin of the optimiser that lld knows of.
llvm::PassPluginLibraryInfo getPollyPluginInfo() { return {}; }
