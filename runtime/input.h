#pragma once
// A data file, read from front to end; gzip is seen through.

#include <cstddef>
#include <cstdint>
#include <string>

struct gzFile_s;

namespace nnc::runtime {

class Input {
public:
  /// Opens a regular file. Throws Error where it is missing, a directory, a device, or not readable.
  explicit Input(const std::string &path);
  Input(const Input &) = delete;
  Input &operator=(const Input &) = delete;
  ~Input();

  /// Up to `bytes` bytes; fewer only at the end. Throws Error on a damaged gzip stream or a failing disk.
  size_t read(void *to, size_t bytes);

  /// More than this many bytes cannot come any more: what is left of the file, times 1032 (deflate's largest ratio, zlib.net)
  /// under gzip. What a header promises is held against it before anything is allocated.
  int64_t most_left() const { return most; }

  const std::string path;

private:
  int file = -1;
  gzFile_s *gzip = nullptr;
  int64_t most = 0;
};

} // namespace nnc::runtime
