#include "runtime/input.h"

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

constexpr int64_t deflate_ratio = 1032;
constexpr size_t block = 1u << 20; // one system call or gzread moves at most this much

bool starts_as_gzip(int file) {
  unsigned char magic[2] = {};
  return pread(file, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

} // namespace

Input::Input(const std::string &path) : path(path) {
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
  if (!fault) {
    most = status.st_size;
    if (starts_as_gzip(file)) {
      most = checked_multiply(most, deflate_ratio).value_or(std::numeric_limits<int64_t>::max());
      gzip = gzdopen(file, "rb");
      if (gzip)
        gzbuffer(gzip, 1u << 17);
      else
        fault = "cannot be unpacked: no memory";
    }
  }
  if (fault) {
    close(file);
    fail("{}: {}", path, fault);
  }
}

Input::~Input() {
  if (gzip)
    gzclose(gzip);
  else
    close(file);
}

size_t Input::read(void *to, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    char *place = static_cast<char *>(to) + done;
    size_t wanted = std::min(bytes - done, block);
    ssize_t got = gzip ? gzread(gzip, place, static_cast<unsigned>(wanted)) : ::read(file, place, wanted);
    if (gzip && (got < 0 || static_cast<size_t>(got) < wanted)) {
      int code;
      const char *text = gzerror(gzip, &code);
      if (code != Z_OK) fail("{}: damaged gzip file: {}", path, code == Z_BUF_ERROR ? "it is cut off" : text);
    }
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("{}: {}", path, std::strerror(errno));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  most = std::max<int64_t>(0, most - static_cast<int64_t>(done)); // a file can grow while it is read
  return done;
}

} // namespace nnc::runtime
