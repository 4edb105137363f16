// A unit to an LLVM module, optimised, and to text or an object.

#include "codegen/compile.h"

#include "codegen/lower.h"
#include "codegen/target.h"
#include "ir/builder.h"

#include <algorithm>
#include <array>
#include <future>
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
#include <span>

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

static std::string compile(std::span<const Entry *const> entries, const std::string *description, const Target &target,
                           Output output) {
  Processor processor = codegen::processor(target);
  std::unique_ptr<llvm::TargetMachine> machine = target_machine(processor);
  llvm::LLVMContext context;
  llvm::Module module("nnc", context);
  module.setTargetTriple(machine->getTargetTriple().str());
  module.setDataLayout(machine->createDataLayout());
  for (const Entry *entry : entries) lower_entry(module, processor, *entry);
  if (description) export_description(module, *description);
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

std::string compile(const Unit &unit, const Target &target, Output output) {
  std::vector<const Entry *> entries;
  for (const Entry &entry : unit.entries) entries.push_back(&entry);
  return compile(entries, &unit.description, target, output);
}

/// About how long LLVM takes for an entry; a contraction's tiles are unrolled.
static size_t compile_cost(const Entry &entry) {
  size_t cost = 1;
  for (const Kernel &kernel : entry.kernels) cost += kernel.values.size() + (kernel.contraction ? 100 : 10);
  return cost;
}

std::vector<std::string> compile_objects(const Unit &unit, const Target &target) {
  std::vector<const Entry *> entries;
  for (const Entry &entry : unit.entries) entries.push_back(&entry);
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry *a, const Entry *b) { return compile_cost(*a) > compile_cost(*b); });
  std::array<std::vector<const Entry *>, 2> parts;
  std::array<size_t, 2> costs{};
  for (const Entry *entry : entries) {
    size_t lighter = costs[1] < costs[0];
    parts[lighter].push_back(entry);
    costs[lighter] += compile_cost(*entry);
  }
  target_machine(processor(target)); // sets LLVM up, which threads may not do at once
  auto second = std::async(std::launch::async, [&] { return compile(parts[1], nullptr, target, Output::object); });
  std::string first = compile(parts[0], &unit.description, target, Output::object);
  return {std::move(first), second.get()};
}

} // namespace nnc::codegen
