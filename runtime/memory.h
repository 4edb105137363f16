#pragma once
// Zeroed memory straight from the system: pages cost nothing until they are touched, growing moves no bytes, and every block
// is aligned far beyond the 64 bytes that generated code asks for.

#include <cstddef>
#include <cstdint>
#include <utility>

namespace nnc::runtime {

class Memory {
public:
  Memory() = default;
  /// `bytes` zeroed bytes, for `purpose` in the error where the system has no more.
  Memory(int64_t bytes, const char *purpose);
  Memory(Memory &&other) noexcept { swap(other); }
  Memory &operator=(Memory &&other) noexcept {
    swap(other);
    return *this;
  }
  ~Memory();

  /// Keeps the first bytes; new ones are zero.
  void resize(int64_t bytes, const char *purpose);

  unsigned char *data() const { return begin; }
  int64_t size() const { return length; }
  template <class T> T *as() const { return reinterpret_cast<T *>(begin); }

private:
  void swap(Memory &other) {
    std::swap(begin, other.begin);
    std::swap(length, other.length);
    std::swap(mapped, other.mapped);
  }
  unsigned char *begin = nullptr;
  int64_t length = 0;
  size_t mapped = 0; // bytes of the mapping, whole pages
};

} // namespace nnc::runtime
