// The objects of a unit, loaded into this process: the same bytes as a program would hold.

#include "codegen/compile.h"

#include "codegen/target.h"
#include "ir/builder.h"
#include "runtime/module.h"

#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Target/TargetMachine.h>

namespace nnc::codegen {

namespace {

void check(llvm::Error error, const char *doing) {
  if (error) throw ir::InternalError(std::string(doing) + ": " + llvm::toString(std::move(error)));
}

template <typename T> T check(llvm::Expected<T> value, const char *doing) {
  check(value.takeError(), doing);
  return std::move(*value);
}

} // namespace

struct Loaded::State {
  std::unique_ptr<llvm::orc::LLJIT> jit;
  std::vector<std::string> names;
};

Loaded::Loaded(const Unit &unit, const Target &target) : state_(std::make_unique<State>()) {
  std::vector<std::string> objects = compile_entries(unit.entries, target);
  Stopwatch watch(target.timed, "load");
  llvm::orc::JITTargetMachineBuilder builder(target_machine(processor(target))->getTargetTriple());
  state_->jit = check(llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(builder)).create(), "starting LLVM's JIT");
  llvm::orc::LLJIT &jit = *state_->jit;
  llvm::orc::SymbolMap symbols;
  auto name = [&](const char *symbol, auto *function) {
    symbols[jit.mangleAndIntern(symbol)] = {llvm::orc::ExecutorAddr::fromPtr(function), llvm::JITSymbolFlags::Exported};
  };
  name("nnc_barrier", &nnc_barrier);
  name("nnc_order_i32", &nnc_order_i32);
  name("nnc_order_f32", &nnc_order_f32);
  name("nnc_order_f64", &nnc_order_f64);
  // What LLVM makes of filling and copying loops.
  name("memset", &memset);
  name("memcpy", &memcpy);
  check(jit.getMainJITDylib().define(llvm::orc::absoluteSymbols(std::move(symbols))), "naming the runtime's functions");
  for (const std::string &object : objects)
    check(jit.addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object, "nnc")), "loading the compiled model");
  for (const Entry &entry : unit.entries) state_->names.push_back(entry.name);
}

Loaded::~Loaded() = default;
Loaded::Loaded(Loaded &&) noexcept = default;

void *Loaded::entry(const std::string &name) const {
  if (std::find(state_->names.begin(), state_->names.end(), name) == state_->names.end()) return nullptr;
  return check(state_->jit->lookup("nnc_" + name), "finding an entry").toPtr<void *>();
}

} // namespace nnc::codegen
