#pragma once
// A data file, or a member of an archive, read from front to end; gzip is seen through.

#include "runtime/stream.h"

namespace nnc::runtime {

class Input {
public:
  /// Opens a regular file. Throws Error where it is missing, a directory, a device, or not readable.
  explicit Input(const std::string &path) : Input(path, open_stream(path)) {}
  Input(std::string path, std::unique_ptr<Stream> stream) : path(std::move(path)), stream(std::move(stream)) {}

  /// Up to `bytes` bytes; fewer only at the end. Throws Error on a damaged stream or a failing disk.
  size_t read(void *to, size_t bytes) { return stream->read(to, bytes); }
  /// Passes over `bytes` bytes. Throws Error where there are not as many.
  void skip(int64_t bytes);

  /// More than this many bytes cannot come any more. What a header promises is held against it before anything is allocated.
  int64_t most_left() const { return stream->most(); }

  const std::string path; // for messages

private:
  std::unique_ptr<Stream> stream;
};

} // namespace nnc::runtime
