#pragma once
// A file that is written whole or not at all.

#include <cstddef>
#include <string>
#include <string_view>

namespace nnc::runtime {

/// Writes to a new file in the same folder; `commit` syncs it, renames it over `path` and syncs the folder. Without a commit the
/// new file is removed and what stood at `path` is untouched. All throw Error. A `path` that is there and no regular
/// file (a terminal, /dev/null) is written to as it is.
class NewFile {
public:
  explicit NewFile(const std::string &path);
  NewFile(const NewFile &) = delete;
  NewFile &operator=(const NewFile &) = delete;
  ~NewFile();

  void write(const void *bytes, size_t count);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();

private:
  [[noreturn]] void fault(const char *doing) const;

  const std::string path;
  std::string temporary; // empty where written in place, and after the commit
  int file = -1;
};

/// Throws Error where a file at `path` could not be written: said before the work, not after.
void check_writable(const std::string &path);

} // namespace nnc::runtime
