// A module, optimised, to text or an object.

#include "codegen/machine_code.h"

#include "ir/builder.h"

#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/PassTimingInfo.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>
#include <llvm/Transforms/Utils/Mem2Reg.h>
#include <sstream>

namespace nnc::codegen {

namespace {

/// LLVM tells the times of its code generation as a table only: columns of seconds with shares, the last of them wall time, then the name.
void tell_times(const Timed &timed) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::reportAndResetTimings(&stream);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    size_t share = line.rfind("%)"), open = line.rfind('(', share);
    if (share == std::string::npos || open == std::string::npos) continue;
    size_t name = line.find_first_not_of(' ', share + 2);
    size_t seconds = line.find_last_not_of(' ', open - 1), before = line.find_last_of(") ", seconds);
    if (name == std::string::npos || before == std::string::npos) continue;
    std::string what = line.substr(name, line.find(" #", name) - name); // " #2": the pass runs a second time
    double wall = std::strtod(line.c_str() + before + 1, nullptr);
    if (what != "Total" && wall > 0) timed("llvm: " + what, wall);
  }
}

} // namespace

MachineCode::MachineCode(const Processor &processor, const Timed &timed)
    : processor_(processor), timed_(timed), machine_(target_machine(processor)) {
  if (timed) llvm::TimePassesIsEnabled = true;
}

llvm::Module &MachineCode::start() {
  module_ = std::make_unique<llvm::Module>("nnc", context_);
  module_->setTargetTriple(machine_->getTargetTriple().str());
  module_->setDataLayout(machine_->createDataLayout());
  return *module_;
}

void MachineCode::verify() {
  Stopwatch watch(timed_, "llvm: verify");
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (llvm::verifyModule(*module_, &stream)) throw ir::InternalError("LLVM IR ill-formed after lowering: " + text);
}

/// What lowering leaves to LLVM: registers for running sums, common subexpressions, and moving what a loop does not change out of it.
void MachineCode::optimise() {
  Stopwatch watch(timed_, "llvm: optimise");
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine_.get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);

  llvm::FunctionPassManager passes;
  passes.addPass(llvm::PromotePass());
  passes.addPass(llvm::EarlyCSEPass());
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), /*UseMemorySSA=*/true));
  passes.addPass(llvm::EarlyCSEPass(true));
  passes.addPass(llvm::SimplifyCFGPass());
  llvm::ModulePassManager all;
  all.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(passes)));
  all.run(*module_, modules);
}

std::string MachineCode::finish(Output output) {
  verify();
  optimise();
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (output == Output::llvm) {
    module_->print(stream, nullptr);
  } else {
    Stopwatch watch(timed_, "llvm: emit");
    llvm::legacy::PassManager emission;
    auto type = output == Output::object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
    if (machine_->addPassesToEmitFile(emission, stream, nullptr, type))
      throw ir::InternalError("LLVM cannot write this kind of file");
    emission.run(*module_);
    if (timed_) tell_times(timed_);
  }
  return {bytes.begin(), bytes.end()};
}

} // namespace nnc::codegen
