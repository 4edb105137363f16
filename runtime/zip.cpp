// Zip archives (PKWARE APPNOTE 6.3): the central directory, and members that are stored or deflated. No size is believed before it was
// held against the file's.

#include "runtime/error.h"
#include "runtime/input.h"
#include "runtime/memory.h"
#include "runtime/size.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>
#include <zlib.h>

namespace nnc::runtime {
namespace {

constexpr uint32_t end_signature = 0x06054b50, end64_signature = 0x06064b50, locator_signature = 0x07064b50,
                   entry_signature = 0x02014b50, local_signature = 0x04034b50;
constexpr size_t end_bytes = 22, end64_bytes = 56, locator_bytes = 20, entry_bytes = 46, local_bytes = 30;
constexpr size_t longest_comment = 65535;
constexpr int64_t largest_directory = 1 << 26;
constexpr uint32_t in_zip64 = 0xffffffff; // a 32-bit size of this value stands in the zip64 field
constexpr int encrypted = 1, stored = 0, deflated = 8;

uint64_t number(const unsigned char *at, int bytes) {
  uint64_t value = 0;
  for (int i = bytes; i-- > 0;) value = value << 8 | at[i];
  return value;
}

/// The archive's bytes at any place: a file, or one that gzip had packed once more, unpacked in memory.
class Archive {
public:
  explicit Archive(const std::string &path) : path(path), file(path) {
    if (!file.is_gzip()) return;
    is_unpacked = true;
    Input input(path);
    for (int64_t room = 1 << 20;; room *= 2) {
      unpacked.resize(room, "unpacking");
      size_t got = input.read(unpacked.data() + length, static_cast<size_t>(room - length));
      length += static_cast<int64_t>(got);
      if (length < room) break;
    }
  }

  int64_t size() const { return is_unpacked ? length : file.size(); }
  size_t read_at(int64_t offset, void *to, size_t bytes) const {
    if (!is_unpacked) return file.read_at(offset, to, bytes);
    size_t count = offset >= length ? 0 : std::min(bytes, static_cast<size_t>(length - offset));
    std::copy_n(unpacked.data() + offset, count, static_cast<unsigned char *>(to));
    return count;
  }
  /// Throws Error where the archive has not all of them.
  void need(int64_t offset, void *to, size_t bytes) const {
    if (offset < 0 || offset > size() || read_at(offset, to, bytes) < bytes) damaged("it is cut off");
  }
  [[noreturn]] void damaged(const std::string &how) const { fail("{}: damaged zip archive: {}", path, how); }

  const std::string path;

private:
  DataFile file;
  bool is_unpacked = false;
  Memory unpacked;
  int64_t length = 0;
};

struct Member {
  std::string name;
  int flags = 0, method = 0;
  uint32_t sum = 0;
  int64_t packed = 0, bytes = 0, offset = 0; // of its local header; later of its bytes
};

struct Directory {
  int64_t offset = 0, bytes = 0;
};

/// The end record, the last thing in the file but for a comment, says where the directory lies.
Directory find_directory(const Archive &archive) {
  int64_t tail_bytes = std::min<int64_t>(archive.size(), end_bytes + longest_comment);
  std::vector<unsigned char> tail(static_cast<size_t>(tail_bytes));
  archive.need(archive.size() - tail_bytes, tail.data(), tail.size());
  for (size_t at = tail.size() < end_bytes ? 0 : tail.size() - end_bytes + 1; at-- > 0;) {
    if (number(&tail[at], 4) != end_signature) continue;
    Directory found{static_cast<int64_t>(number(&tail[at + 16], 4)), static_cast<int64_t>(number(&tail[at + 12], 4))};
    std::array<unsigned char, end64_bytes> end64;
    if (at >= locator_bytes && number(&tail[at - locator_bytes], 4) == locator_signature) {
      archive.need(static_cast<int64_t>(number(&tail[at - locator_bytes + 8], 8)), end64.data(), end64.size());
      if (number(end64.data(), 4) != end64_signature) archive.damaged("its zip64 record is not where it should be");
      found = {static_cast<int64_t>(number(&end64[48], 8)), static_cast<int64_t>(number(&end64[40], 8))};
    }
    if (found.offset < 0 || found.bytes < 0 || found.bytes > archive.size() || found.offset > archive.size() - found.bytes)
      archive.damaged("its directory lies outside the file");
    if (found.bytes > largest_directory) archive.damaged(fmt::format("a directory of {} bytes", found.bytes));
    return found;
  }
  fail("{}: not a zip archive (npz)", archive.path);
}

/// The sizes that did not fit 32 bits, from the extra field with the number 1.
void read_zip64(const Archive &archive, Member &member, const unsigned char *extra, size_t bytes) {
  for (size_t at = 0; at + 4 <= bytes;) {
    size_t id = number(extra + at, 2), length = number(extra + at + 2, 2);
    at += 4;
    if (length > bytes - at) archive.damaged("an extra field is cut off");
    if (id == 1) {
      size_t from = at;
      for (int64_t *size : {&member.bytes, &member.packed, &member.offset}) {
        if (*size != in_zip64) continue;
        if (from + 8 > at + length) archive.damaged("a zip64 field is too short");
        *size = static_cast<int64_t>(number(extra + from, 8));
        from += 8;
      }
    }
    at += length;
  }
}

std::vector<Member> read_members(const Archive &archive) {
  Directory directory = find_directory(archive);
  std::vector<unsigned char> text(static_cast<size_t>(directory.bytes));
  archive.need(directory.offset, text.data(), text.size());
  std::vector<Member> members;
  for (size_t at = 0; at < text.size();) {
    if (text.size() - at < entry_bytes || number(&text[at], 4) != entry_signature) archive.damaged("an entry of its directory");
    const unsigned char *entry = &text[at];
    size_t name = number(entry + 28, 2), extra = number(entry + 30, 2), comment = number(entry + 32, 2);
    if (text.size() - at - entry_bytes < name + extra + comment) archive.damaged("an entry of its directory is cut off");
    Member member;
    member.name.assign(reinterpret_cast<const char *>(entry) + entry_bytes, name);
    member.flags = static_cast<int>(number(entry + 8, 2)), member.method = static_cast<int>(number(entry + 10, 2));
    member.sum = static_cast<uint32_t>(number(entry + 16, 4));
    member.packed = static_cast<int64_t>(number(entry + 20, 4)), member.bytes = static_cast<int64_t>(number(entry + 24, 4));
    member.offset = static_cast<int64_t>(number(entry + 42, 4));
    read_zip64(archive, member, entry + entry_bytes + name, extra);
    members.push_back(std::move(member));
    at += entry_bytes + name + extra + comment;
  }
  return members;
}

/// The member, with the place of its bytes, all sizes held against the file's.
Member find_member(const Archive &archive, const std::string &name) {
  std::vector<Member> members = read_members(archive);
  const Member *found = nullptr;
  std::vector<std::string> names;
  for (const Member &member : members) {
    std::string shown_name = member.name.ends_with(".npy") ? member.name.substr(0, member.name.size() - 4) : member.name;
    names.push_back(shown(shown_name));
    if (member.name != name && shown_name != name) continue;
    if (found) archive.damaged(fmt::format("two members are named {}", shown(name)));
    found = &member;
  }
  if (!found)
    fail("{}: it has no array \"{}\"; it has {}", archive.path, shown(name),
         names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
  Member member = *found;
  if (member.flags & encrypted) fail("{}: the array \"{}\" is encrypted", archive.path, shown(name));
  if (member.method != stored && member.method != deflated)
    fail("{}: the array \"{}\" is packed by method {}; stored and deflated ones can be read", archive.path, shown(name),
         member.method);
  std::array<unsigned char, local_bytes> local;
  archive.need(member.offset, local.data(), local.size());
  if (number(local.data(), 4) != local_signature) archive.damaged("a member is not where its directory says");
  member.offset += static_cast<int64_t>(local_bytes + number(&local[26], 2) + number(&local[28], 2));
  bool fits = member.packed >= 0 && member.packed <= archive.size() && member.offset <= archive.size() - member.packed;
  auto largest = member.method == stored ? member.packed : checked_multiply(member.packed, deflate_ratio).value_or(0);
  if (!fits || member.bytes < 0 || member.bytes > largest || (member.method == stored && member.bytes != member.packed))
    archive.damaged(
        fmt::format("the array \"{}\" would be {} bytes long, packed in {}", shown(name), member.bytes, member.packed));
  return member;
}

class MemberStream : public Stream {
public:
  MemberStream(const std::string &path, const std::string &name) : archive(path), member(find_member(archive, name)) {
    if (member.method == deflated && inflateInit2(&inflater, -MAX_WBITS) != Z_OK) // raw deflate
      fail("{}: cannot be unpacked: no memory", path);
  }
  MemberStream(const MemberStream &) = delete;
  MemberStream &operator=(const MemberStream &) = delete;
  ~MemberStream() override {
    if (member.method == deflated) inflateEnd(&inflater);
  }

  size_t read(void *to, size_t bytes) override {
    size_t wanted = std::min(bytes, static_cast<size_t>(member.bytes - given));
    size_t got = member.method == stored ? read_packed(to, wanted) : inflate_to(to, wanted);
    if (got < wanted) archive.damaged(fmt::format("its member {} is cut off", shown(member.name)));
    const auto *bytes_read = static_cast<const unsigned char *>(to);
    for (size_t done = 0; done < got; done += block)
      sum = crc32(sum, bytes_read + done, static_cast<unsigned>(std::min(got - done, block)));
    given += static_cast<int64_t>(got);
    if (given == member.bytes && got > 0 && sum != member.sum)
      archive.damaged(fmt::format("the checksum of its member {} is wrong", shown(member.name)));
    return got;
  }
  int64_t most() const override { return member.bytes - given; }

private:
  static constexpr size_t block = 1u << 20;

  size_t read_packed(void *to, size_t bytes) {
    size_t got = archive.read_at(member.offset + taken, to,
                                 static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(bytes), member.packed - taken)));
    taken += static_cast<int64_t>(got);
    return got;
  }

  size_t inflate_to(void *to, size_t bytes) {
    size_t done = 0;
    while (done < bytes) {
      size_t room = std::min(bytes - done, block);
      inflater.next_out = static_cast<unsigned char *>(to) + done, inflater.avail_out = static_cast<unsigned>(room);
      if (inflater.avail_in == 0) {
        inflater.next_in = packed.data();
        inflater.avail_in = static_cast<unsigned>(read_packed(packed.data(), packed.size()));
      }
      int code = inflate(&inflater, Z_NO_FLUSH);
      done += room - inflater.avail_out;
      if (code == Z_STREAM_END || (code == Z_BUF_ERROR && inflater.avail_in == 0)) break;
      if (code != Z_OK) archive.damaged(fmt::format("its member {}: {}", shown(member.name), inflater.msg ? inflater.msg : "?"));
    }
    return done;
  }

  Archive archive;
  Member member;
  z_stream inflater{};
  std::array<unsigned char, 1u << 16> packed;
  int64_t taken = 0, given = 0; // packed bytes, bytes
  uLong sum = crc32(0, nullptr, 0);
};

} // namespace

std::unique_ptr<Stream> open_zip_member(const std::string &path, const std::string &name) {
  return std::make_unique<MemberStream>(path, name);
}

} // namespace nnc::runtime
