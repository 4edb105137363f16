#include "codegen/target.h"

#include <fmt/format.h>
#include <llvm/ADT/StringMap.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>

#include <stdexcept>

namespace nnc::codegen {

static constexpr const char *triple = "x86_64-unknown-linux-gnu";

/// The host's CPU with the features that it has in fact: a virtual machine may hide some of its model's.
static Processor host() {
  Processor p;
  p.cpu = llvm::sys::getHostCPUName().str();
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  for (const auto &feature : features) {
    if (!p.features.empty()) p.features += ',';
    p.features += (feature.second ? "+" : "-") + feature.first().str();
  }
  auto has = [&](const char *name) { return features.lookup(name); };
  p.fma = has("fma");
  bool wide = has("avx512f") && has("avx512vl") && has("avx512dq") && has("avx512bw");
  p.vector_bytes = wide ? 64 : has("avx2") && p.fma ? 32 : 16;
  p.registers = wide ? 32 : 16;
  return p;
}

Processor processor(const Target &target) {
  if (target.cpu == "native") {
    Processor p = host();
    p.least_shared_work = target.least_shared_work;
    return p;
  }
  if (target.cpu == "x86-64-v2") return {target.cpu, "", 16, 16, false, target.least_shared_work};
  if (target.cpu == "x86-64-v3") return {target.cpu, "", 32, 16, true, target.least_shared_work};
  if (target.cpu == "x86-64-v4") return {target.cpu, "", 64, 32, true, target.least_shared_work};
  throw std::invalid_argument(fmt::format("no processor `{}`; there are native, x86-64-v2, x86-64-v3 and x86-64-v4", target.cpu));
}

/// Lowering writes addresses as the processor takes them; loop strength reduction finds nothing more in them and takes as long as the
/// rest of code generation. LLVM gives it no switch but this option.
static void without_strength_reduction() {
  auto &options = llvm::cl::getRegisteredOptions();
  if (auto option = options.find("disable-lsr"); option != options.end())
    static_cast<llvm::cl::opt<bool> *>(option->second)->setValue(true);
}

std::unique_ptr<llvm::TargetMachine> target_machine(const Processor &p) {
  static const llvm::Target *x86 = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    std::string error;
    const llvm::Target *found = llvm::TargetRegistry::lookupTarget(triple, error);
    if (!found) throw std::runtime_error("LLVM has no x86-64: " + error);
    without_strength_reduction();
    return found;
  }();
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict; // mul and add stay two operations
  options.FunctionSections = false;
  return std::unique_ptr<llvm::TargetMachine>(x86->createTargetMachine(triple, p.cpu, p.features, options, llvm::Reloc::PIC_,
                                                                       llvm::CodeModel::Small, llvm::CodeGenOptLevel::Less));
}

} // namespace nnc::codegen
