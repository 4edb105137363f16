#pragma once
// Where the bytes of an Input come from: a file as it is, or what unpacks one.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace nnc::runtime {

class Stream {
public:
  virtual ~Stream() = default;
  /// Up to `bytes` bytes; fewer only at the end. Throws Error, which names `path`.
  virtual size_t read(void *to, size_t bytes) = 0;
  /// No more bytes than these can come: what is left of the file, under deflate times its largest ratio.
  virtual int64_t most() const = 0;
};

constexpr int64_t deflate_ratio = 1032; // deflate's largest (zlib.net)

/// A regular file, open. Throws Error where it is missing, a directory, a device, or not readable.
class DataFile {
public:
  explicit DataFile(const std::string &path);
  DataFile(const DataFile &) = delete;
  DataFile &operator=(const DataFile &) = delete;
  ~DataFile();

  /// As many of the bytes from `offset` on as the file has.
  size_t read_at(int64_t offset, void *to, size_t bytes) const;
  int64_t size() const { return length; }
  bool is_gzip() const;
  /// The descriptor, which the caller closes from now on.
  int release();

  const std::string path;

private:
  int file = -1;
  int64_t length = 0;
};

/// A file from front to end; gzip is seen through.
std::unique_ptr<Stream> open_stream(const std::string &path);

/// The member `name` of a zip archive, stored or deflated. Throws Error where there is none, and where the archive is no sound one.
std::unique_ptr<Stream> open_zip_member(const std::string &path, const std::string &name);

} // namespace nnc::runtime
