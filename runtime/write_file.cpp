#include "runtime/write_file.h"

#include "runtime/error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace nnc::runtime {
namespace {

std::string folder_of(const std::string &path) {
  size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
}

bool is_special(const std::string &path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return false;
  if (S_ISDIR(status.st_mode)) fail("{}: is a directory, not a file to write", path);
  return !S_ISREG(status.st_mode);
}

} // namespace

NewFile::NewFile(const std::string &path) : path(path) {
  if (is_special(path)) {
    file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    size_t name = path.find_last_of('/') + 1; // npos + 1 is 0
    temporary = fmt::format("{}.{}.{}.new", path.substr(0, name), path.substr(name), getpid());
    unlink(temporary.c_str()); // left by a process of the same number that was killed
    file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file < 0) temporary.clear();
  }
  if (file < 0) fault("cannot be written");
}

NewFile::~NewFile() {
  if (file >= 0) close(file);
  if (!temporary.empty()) unlink(temporary.c_str());
}

void NewFile::fault(const char *doing) const { fail("{}: {}: {}", path, doing, std::strerror(errno)); }

void NewFile::write(const void *bytes, size_t count) {
  auto from = static_cast<const char *>(bytes);
  while (count > 0) {
    ssize_t done = ::write(file, from, std::min<size_t>(count, 1u << 30));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) fault("writing failed");
    from += done, count -= static_cast<size_t>(done);
  }
}

void NewFile::commit() {
  if (temporary.empty()) return;
  if (fsync(file) != 0) fault("syncing failed");
  int closing = std::exchange(file, -1);
  if (close(closing) != 0) fault("closing failed");
  if (rename(temporary.c_str(), path.c_str()) != 0) fault("renaming failed");
  temporary.clear();
  int folder = open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool synced = folder >= 0 && (fsync(folder) == 0 || errno == EINVAL); // EINVAL: the file system has no such thing
  if (folder >= 0) close(folder);
  if (!synced) fault("syncing its folder failed");
}

void check_writable(const std::string &path) {
  if (path.empty()) refuse("a file name is empty");
  bool special = is_special(path);
  if (access(special ? path.c_str() : folder_of(path).c_str(), W_OK) != 0)
    fail("{}: cannot be written: {}: {}", path, folder_of(path), std::strerror(errno));
}

} // namespace nnc::runtime
