#include "codegen/object_cache.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace nnc::codegen {

namespace fs = std::filesystem;

namespace {

/// What stands in a file before the object.
struct Header {
  char magic[8] = {'n', 'n', 'c', 'o', 'b', 'j', '0', '1'};
  Digest key;   // of what the object was made of
  Digest bytes; // of the object
  uint64_t length = 0;
};
static_assert(std::has_unique_object_representations_v<Header>);

constexpr int64_t used_again_seconds = 3600; // a use is noted no more often than this

struct File {
  int number = -1;
  ~File() {
    if (number >= 0) close(number);
  }
};

/// The build ids of the files that this process consists of: notes of type NT_GNU_BUILD_ID, which linkers write.
int add_build_id(dl_phdr_info *info, size_t, void *to) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) &segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    auto align = [unit = segment.p_align == 8 ? 8 : 4](size_t size) { return (size + unit - 1) / unit * unit; };
    auto *at = reinterpret_cast<const char *>(info->dlpi_addr + segment.p_vaddr), *end = at + segment.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) note;
      std::memcpy(&note, at, sizeof note);
      const char *content = at + sizeof note + align(note.n_namesz);
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(at + sizeof note, "GNU", 4) == 0)
        static_cast<std::vector<std::string> *>(to)->emplace_back(content, note.n_descsz);
      at = content + align(note.n_descsz);
    }
  }
  return 0;
}

} // namespace

std::string Digest::hexadecimal() const { return fmt::format("{:016x}{:016x}", words[0], words[1]); }

Digest digest(std::string_view bytes) {
  XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {{hash.high64, hash.low64}};
}

const std::string &build_identity() {
  static const std::string identity = [] {
    std::vector<std::string> ids;
    dl_iterate_phdr(add_build_id, &ids);
    std::string all;
    for (const std::string &id : ids) all += id + '\n';
    return all;
  }();
  return identity;
}

std::string user_cache() {
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  if (cache && *cache == '/') return fmt::format("{}/nnc", cache); // the specification: a relative path is to be ignored
  if (home && *home == '/') return fmt::format("{}/.cache/nnc", home);
  return "";
}

std::string ObjectCache::part(const Digest &key) const { return fmt::format("{}/{:x}", folder_, key.words[0] >> 60); }
std::string ObjectCache::file(const Digest &key) const { return fmt::format("{}/{}", part(key), key.hexadecimal()); }

std::optional<std::string> ObjectCache::find(const Digest &key) const {
  if (!is_on()) return std::nullopt;
  File file{open(this->file(key).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  struct stat about;
  Header header, expected;
  if (file.number < 0 || fstat(file.number, &about) != 0 || !S_ISREG(about.st_mode)) return std::nullopt;
  if (read(file.number, &header, sizeof header) != sizeof header) return std::nullopt;
  bool is_whole = std::memcmp(header.magic, expected.magic, sizeof header.magic) == 0 && header.key == key &&
                  static_cast<uint64_t>(about.st_size) == sizeof header + header.length;
  if (!is_whole) return std::nullopt;
  std::string object(header.length, '\0');
  if (read(file.number, object.data(), object.size()) != static_cast<ssize_t>(object.size())) return std::nullopt;
  if (digest(object) != header.bytes) return std::nullopt;
  if (std::time(nullptr) - about.st_mtime > used_again_seconds) futimens(file.number, nullptr);
  return object;
}

void ObjectCache::keep(const Digest &key, std::string_view object) const {
  if (!is_on()) return;
  std::string name = file(key), temporary = name + ".XXXXXX";
  File file{mkostemp(temporary.data(), O_CLOEXEC)};
  if (file.number < 0) {
    std::error_code error;
    if (!fs::create_directories(part(key), error)) return;
    temporary = name + ".XXXXXX";
    if ((file.number = mkostemp(temporary.data(), O_CLOEXEC)) < 0) return;
  }
  Header header;
  header.key = key, header.bytes = digest(object), header.length = object.size();
  std::string bytes(reinterpret_cast<const char *>(&header), sizeof header);
  bytes += object;
  bool is_written = write(file.number, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  if (!is_written || rename(temporary.c_str(), name.c_str()) != 0) unlink(temporary.c_str());
}

void ObjectCache::trim(const Digest &key, int64_t most) const {
  if (!is_on()) return;
  struct Entry {
    timespec used;
    int64_t bytes;
    std::string path;
  };
  std::vector<Entry> entries;
  int64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator at(part(key), error), end; !error && at != end; at.increment(error)) {
    struct stat about;
    if (lstat(at->path().c_str(), &about) != 0 || !S_ISREG(about.st_mode)) continue;
    entries.push_back({about.st_mtim, int64_t{about.st_blocks} * 512, at->path().string()});
    total += entries.back().bytes;
  }
  constexpr int64_t parts = 16;
  if (total <= most / parts) return;
  auto key_of = [](const Entry &entry) { return std::pair(entry.used.tv_sec, entry.used.tv_nsec); };
  std::sort(entries.begin(), entries.end(), [&](const Entry &a, const Entry &b) { return key_of(a) < key_of(b); });
  // A quarter more than must go, so that a full cache is not sorted anew by every compile.
  for (const Entry &entry : entries) {
    if (total <= most / parts * 3 / 4) break;
    if (unlink(entry.path.c_str()) == 0) total -= entry.bytes;
  }
}

} // namespace nnc::codegen
