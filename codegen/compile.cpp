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
#include <numeric>

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

namespace {

/// What one object defines: functions of kernels and of entries, by number.
struct Part {
  std::vector<size_t> forms, entries;
  bool has_description = false;
};

std::string compile(const Unit &unit, const KernelForms &forms, const Part &part, const Processor &processor, Output output) {
  std::unique_ptr<llvm::TargetMachine> machine = target_machine(processor);
  llvm::LLVMContext context;
  llvm::Module module("nnc", context);
  module.setTargetTriple(machine->getTargetTriple().str());
  module.setDataLayout(machine->createDataLayout());
  for (size_t form : part.forms) lower_kernel(module, processor, forms.forms[form]);
  for (size_t entry : part.entries) lower_entry(module, processor, unit.entries[entry], forms.forms, forms.calls[entry]);
  if (part.has_description) export_description(module, unit.description);
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

/// About how long LLVM takes for a form; a contraction's tiles are unrolled.
size_t compile_cost(const KernelForm &form) { return form.kernel.values.size() + (form.kernel.contraction ? 100 : 10); }

/// Each form and each entry, the longest first, to the part that has less to do so far.
std::array<Part, 2> parted(const Unit &unit, const KernelForms &forms) {
  struct Item {
    bool is_entry;
    size_t number, cost;
  };
  std::vector<Item> items;
  for (size_t entry = 0; entry < unit.entries.size(); ++entry) items.push_back({true, entry, 10 + 5 * forms.calls[entry].size()});
  for (size_t form = 0; form < forms.forms.size(); ++form) items.push_back({false, form, compile_cost(forms.forms[form])});
  std::stable_sort(items.begin(), items.end(), [](const Item &a, const Item &b) { return a.cost > b.cost; });
  std::array<Part, 2> parts;
  parts[0].has_description = true;
  std::array<size_t, 2> costs{};
  for (const Item &item : items) {
    size_t lighter = costs[1] < costs[0];
    (item.is_entry ? parts[lighter].entries : parts[lighter].forms).push_back(item.number);
    costs[lighter] += item.cost;
  }
  for (Part &part : parts) std::sort(part.forms.begin(), part.forms.end()), std::sort(part.entries.begin(), part.entries.end());
  return parts;
}

} // namespace

std::string compile(const Unit &unit, const Target &target, Output output) {
  Processor processor = codegen::processor(target);
  KernelForms forms = kernel_forms(unit.entries, processor);
  Part whole{{}, {}, true};
  whole.forms.resize(forms.forms.size()), whole.entries.resize(unit.entries.size());
  std::iota(whole.forms.begin(), whole.forms.end(), size_t{0});
  std::iota(whole.entries.begin(), whole.entries.end(), size_t{0});
  return compile(unit, forms, whole, processor, output);
}

std::vector<std::string> compile_objects(const Unit &unit, const Target &target) {
  Processor processor = codegen::processor(target);
  KernelForms forms = kernel_forms(unit.entries, processor);
  std::array<Part, 2> parts = parted(unit, forms);
  target_machine(processor); // sets LLVM up, which threads may not do at once
  auto second = std::async(std::launch::async, [&] { return compile(unit, forms, parts[1], processor, Output::object); });
  std::string first = compile(unit, forms, parts[0], processor, Output::object);
  return {std::move(first), second.get()};
}

} // namespace nnc::codegen
