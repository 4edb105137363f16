#include "runtime/stream.h"

#include "runtime/error.h"
#include "runtime/size.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

namespace nnc::runtime {
namespace {

constexpr size_t block = 1u << 20; // one system call or gzread moves at most this much

class PlainStream : public Stream {
public:
  explicit PlainStream(std::unique_ptr<DataFile> file) : file(std::move(file)) {}

  size_t read(void *to, size_t bytes) override {
    size_t got = file->read_at(at, to, bytes);
    at += static_cast<int64_t>(got);
    return got;
  }
  int64_t most() const override { return std::max<int64_t>(0, file->size() - at); } // a file can grow while it is read

private:
  std::unique_ptr<DataFile> file;
  int64_t at = 0;
};

class GzipStream : public Stream {
public:
  explicit GzipStream(DataFile &file)
      : path(file.path), left(checked_multiply(file.size(), deflate_ratio).value_or(std::numeric_limits<int64_t>::max())) {
    int descriptor = file.release();
    gzip = gzdopen(descriptor, "rb");
    if (!gzip) {
      close(descriptor);
      fail("{}: cannot be unpacked: no memory", path);
    }
    gzbuffer(gzip, 1u << 17);
  }
  GzipStream(const GzipStream &) = delete;
  GzipStream &operator=(const GzipStream &) = delete;
  ~GzipStream() override { gzclose(gzip); }

  size_t read(void *to, size_t bytes) override {
    size_t done = 0;
    while (done < bytes) {
      size_t wanted = std::min(bytes - done, block);
      int got = gzread(gzip, static_cast<char *>(to) + done, static_cast<unsigned>(wanted));
      if (got < 0 || static_cast<size_t>(got) < wanted) {
        int code;
        const char *text = gzerror(gzip, &code);
        if (code != Z_OK) fail("{}: damaged gzip file: {}", path, code == Z_BUF_ERROR ? "it is cut off" : text);
      }
      if (got <= 0) break;
      done += static_cast<size_t>(got);
    }
    left = std::max<int64_t>(0, left - static_cast<int64_t>(done));
    return done;
  }
  int64_t most() const override { return left; }

private:
  const std::string path;
  int64_t left;
  gzFile gzip = nullptr;
};

} // namespace

DataFile::DataFile(const std::string &path) : path(path) {
  file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); // not blocking: a pipe without a writer is refused below
  if (file < 0) fail("{}: {}", path, std::strerror(errno));
  struct stat status;
  const char *fault = nullptr;
  if (fstat(file, &status) != 0)
    fault = "cannot be examined";
  else if (S_ISDIR(status.st_mode))
    fault = "is a directory, not a data file";
  else if (!S_ISREG(status.st_mode))
    fault = "is a device or pipe, not a data file";
  if (fault) {
    close(file);
    fail("{}: {}", path, fault);
  }
  length = status.st_size;
}

DataFile::~DataFile() {
  if (file >= 0) close(file);
}

size_t DataFile::read_at(int64_t offset, void *to, size_t bytes) const {
  size_t done = 0;
  while (done < bytes) {
    ssize_t got = pread(file, static_cast<char *>(to) + done, std::min(bytes - done, block), offset + static_cast<int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("{}: {}", path, std::strerror(errno));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

bool DataFile::is_gzip() const {
  unsigned char magic[2] = {};
  return read_at(0, magic, 2) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

int DataFile::release() {
  int descriptor = file;
  file = -1;
  return descriptor;
}

std::unique_ptr<Stream> open_stream(const std::string &path) {
  auto file = std::make_unique<DataFile>(path);
  if (file->is_gzip()) return std::make_unique<GzipStream>(*file);
  return std::make_unique<PlainStream>(std::move(file));
}

} // namespace nnc::runtime
