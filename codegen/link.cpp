// The objects and the runtime to a program, by lld in this process.

#include "codegen/compile.h"

#include <fmt/format.h>
#include <lld/Common/Driver.h>
#include <llvm/Support/raw_ostream.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

namespace nnc::codegen {

namespace {

/// A file descriptor that is closed in the end.
struct Descriptor {
  int number = -1;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

/// A new empty file that goes away unless it is kept.
struct Temporary {
  std::string path;
  bool keep = false;
  ~Temporary() {
    if (!path.empty() && !keep) unlink(path.c_str());
  }
};

std::string reason() { return std::strerror(errno); }

bool write_all(int file, const std::string &bytes) {
  for (size_t done = 0; done < bytes.size();) {
    ssize_t n = write(file, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

/// lld itself, static and without a position of its own choice: what is linked needs nothing of the machine that it runs on.
std::string run_linker(const std::vector<std::string> &objects, const std::string &output) {
  std::vector<const char *> arguments = {"ld.lld",          "-static", "--gc-sections", "--eh-frame-hdr",
                                         "--build-id=none", "-z",      "noexecstack",   "-z",
                                         "relro",           "-o",      output.c_str()};
  for (const std::string &object : objects) arguments.push_back(object.c_str());
  std::string said;
  llvm::raw_string_ostream stream(said);
  const lld::DriverDef drivers[] = {{lld::Gnu, &lld::elf::link}};
  lld::Result result = lld::lldMain(arguments, stream, stream, drivers);
  if (result.retCode == 0) return "";
  return fmt::format("the linker failed with code {}: {}", result.retCode, said);
}

} // namespace

std::string link_program(const std::vector<std::string> &objects, const std::string &runtime_object, const std::string &path) {
  if (access(runtime_object.c_str(), R_OK) != 0) return fmt::format("the runtime {}: {}", runtime_object, reason());

  std::deque<Descriptor> memory;
  std::vector<std::string> inputs = {runtime_object};
  for (const std::string &object : objects) {
    memory.emplace_back().number = memfd_create("nnc-object", MFD_CLOEXEC);
    if (memory.back().number < 0 || !write_all(memory.back().number, object)) return "no memory for the object: " + reason();
    inputs.push_back(fmt::format("/proc/self/fd/{}", memory.back().number));
  }

  // A relative name with "./" before it, so that one that begins with "-" is no option of the linker.
  Temporary temporary{(path.find('/') == std::string::npos ? "./" + path : path) + ".XXXXXX"};
  Descriptor file{mkstemp(temporary.path.data())};
  if (file.number < 0) {
    std::string wrong = reason();
    temporary.path.clear();
    return wrong;
  }
  std::string wrong = run_linker(inputs, temporary.path);
  if (!wrong.empty()) return wrong;

  Descriptor linked{open(temporary.path.c_str(), O_RDONLY | O_CLOEXEC)}; // lld has put a new file in the place of the empty one
  if (linked.number < 0 || fchmod(linked.number, 0755) != 0) return reason();
  if (rename(temporary.path.c_str(), path.c_str()) != 0) return reason();
  temporary.keep = true;
  return "";
}

} // namespace nnc::codegen
