// A unit to an LLVM module, optimised, and to text or an object.

#include "codegen/compile.h"

#include "codegen/lower.h"
#include "codegen/target.h"
#include "ir/builder.h"

#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>
#include <llvm/Transforms/Utils/Mem2Reg.h>

namespace nnc::codegen {

static void verify(const llvm::Module &module, const char *when) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (llvm::verifyModule(module, &stream)) throw ir::InternalError(std::string("LLVM IR ill-formed ") + when + ": " + text);
}

/// What lowering leaves to LLVM: registers for running sums, common subexpressions, and moving what a loop does not change out of it.
static void optimise(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);

  llvm::FunctionPassManager passes;
  passes.addPass(llvm::PromotePass());
  passes.addPass(llvm::EarlyCSEPass());
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), /*UseMemorySSA=*/true));
  passes.addPass(llvm::InstCombinePass(llvm::InstCombineOptions().setMaxIterations(1)));
  passes.addPass(llvm::EarlyCSEPass(true));
  passes.addPass(llvm::SimplifyCFGPass());
  llvm::ModulePassManager all;
  all.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(passes)));
  all.run(module, modules);
}

static void export_description(llvm::Module &module, const std::string &text) {
  auto *data = llvm::ConstantDataArray::getString(module.getContext(), text);
  new llvm::GlobalVariable(module, data->getType(), true, llvm::GlobalValue::ExternalLinkage, data, "nnc_description");
}

std::string compile(const Unit &unit, const Target &target, Output output) {
  Processor processor = codegen::processor(target);
  std::unique_ptr<llvm::TargetMachine> machine = target_machine(processor);
  llvm::LLVMContext context;
  llvm::Module module("nnc", context);
  module.setTargetTriple(machine->getTargetTriple().str());
  module.setDataLayout(machine->createDataLayout());
  for (const Entry &entry : unit.entries) lower_entry(module, processor, entry);
  export_description(module, unit.description);
  verify(module, "after lowering");
  optimise(module, *machine);

  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (output == Output::llvm) {
    module.print(stream, nullptr);
  } else {
    llvm::legacy::PassManager emission;
    auto type = output == Output::object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
    if (machine->addPassesToEmitFile(emission, stream, nullptr, type))
      throw ir::InternalError("LLVM cannot write this kind of file");
    emission.run(module);
  }
  return {bytes.begin(), bytes.end()};
}

} // namespace nnc::codegen
