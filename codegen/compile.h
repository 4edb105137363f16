#pragma once
// Kernels to machine code: the one door to LLVM.

#include "codegen/kernel.h"
#include "source/stopwatch.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

struct nnc_module;

namespace nnc::codegen {

/// Bytes of stack for a thread that compiles: what elaboration takes within its limits (frontend/limits.h), and LLVM.
constexpr int64_t stack_of_compile = 7 << 20;

struct Target {
  std::string cpu = "native";       // native, x86-64-v2, x86-64-v3, x86-64-v4
  double least_shared_work = 20000; // nanoseconds of work from which the threads share a kernel
  std::string cache = "";           // the folder of objects made before (codegen/object_cache.h); "": none
  Timed timed = nullptr;            // compiling goes on on one thread then
};

/// All entries of a program, and the text that it exports as nnc_description.
struct Unit {
  std::vector<Entry> entries;
  std::string description;
};

enum class Output { llvm, assembly, object };

/// LLVM IR or assembly as text, or the bytes of an ELF object that defines nnc_description and nnc_<entry> for each entry.
std::string compile(const Unit &, const Target &, Output);

/// The same as objects: each kernel's code once (codegen/kernel_form.h), the entries, and the description. They are made side by side, or taken from
/// the cache: who changes a layer waits for that layer's kernels. What programs are linked of.
std::vector<std::string> compile_objects(const Unit &, const Target &);
/// Those without the description: what the JIT loads.
std::vector<std::string> compile_entries(const std::vector<Entry> &, const Target &);

/// The entries in memory, callable as long as this lives.
class Loaded {
public:
  Loaded(const Unit &, const Target &);
  ~Loaded();
  Loaded(Loaded &&) noexcept;
  void *entry(const std::string &name) const; // nnc_entry of `nnc_<name>`, or null

private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Links the objects with the runtime (one relocatable file beside nnc: `runtime_object`) into a program at `path`, by lld in this process. The
/// file appears whole or not at all. Gives "" or what went wrong.
std::string link_program(const std::vector<std::string> &objects, const std::string &runtime_object, const std::string &path);

} // namespace nnc::codegen
