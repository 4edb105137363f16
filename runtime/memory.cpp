#include "runtime/memory.h"

#include "runtime/error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace nnc::runtime {
namespace {

constexpr size_t page = 4096;
constexpr size_t huge_page_pays = 4u << 20;

size_t whole_pages(int64_t bytes) { return (std::max<size_t>(static_cast<size_t>(bytes), 1) + page - 1) / page * page; }

[[noreturn]] void no_memory(int64_t bytes, const char *purpose) {
  fail("no memory: {} bytes for {} ({})", bytes, purpose, std::strerror(errno));
}

} // namespace

Memory::Memory(int64_t bytes, const char *purpose) {
  if (bytes < 0 || bytes > INT64_MAX - static_cast<int64_t>(page)) no_memory(bytes, purpose);
  size_t wanted = whole_pages(bytes);
  void *block = mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) no_memory(bytes, purpose);
  if (wanted >= huge_page_pays) madvise(block, wanted, MADV_HUGEPAGE); // a hint: refusing it changes nothing
  begin = static_cast<unsigned char *>(block);
  length = bytes;
  mapped = wanted;
}

Memory::~Memory() {
  if (begin) munmap(begin, mapped);
}

void Memory::resize(int64_t bytes, const char *purpose) {
  if (!begin) {
    *this = Memory(bytes, purpose);
    return;
  }
  if (bytes < length) std::memset(begin + bytes, 0, static_cast<size_t>(length - bytes)); // what grows again is zero
  size_t wanted = whole_pages(bytes);
  if (wanted != mapped) {
    void *block = mremap(begin, mapped, wanted, MREMAP_MAYMOVE);
    if (block == MAP_FAILED) no_memory(bytes, purpose);
    begin = static_cast<unsigned char *>(block);
    mapped = wanted;
  }
  length = bytes;
}

} // namespace nnc::runtime
