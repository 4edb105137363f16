#pragma once
// Machine code on disk, found by what it was made of: a compile makes only what no compile before has made.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nnc::codegen {

/// XXH3, 128 bits.
struct Digest {
  std::array<uint64_t, 2> words{};
  std::string hexadecimal() const;
  bool operator==(const Digest &) const = default;
};
Digest digest(std::string_view bytes);

/// What all machine code depends on beside its own input: this build of nnc, and of the libraries that it runs with (LLVM foremost). Empty
/// where a build does not say which it is; then nothing can be kept.
const std::string &build_identity();

/// The folder of the user's cache: $XDG_CACHE_HOME/nnc, or else ~/.cache/nnc; "" where neither is an absolute path.
std::string user_cache();

/// Objects by the digest of all that they depend on, a file each. Several processes may use a folder at once. Nothing that goes wrong
/// with it is an error: what cannot be read whole is not there, what cannot be written is not kept.
class ObjectCache {
public:
  /// `folder` is made when the first object is kept; "": keeps nothing.
  explicit ObjectCache(std::string folder) : folder_(std::move(folder)) {}

  bool is_on() const { return !folder_.empty(); }
  std::optional<std::string> find(const Digest &) const;
  void keep(const Digest &, std::string_view object) const;

  /// Removes what has not been used for longest from the part of the folder that `digest` lies in, until it takes no more than its share of
  /// `most` bytes. A compile that has kept something calls it for one of them: so each part has its turn, and none is long.
  void trim(const Digest &, int64_t most = most_bytes) const;

  static constexpr int64_t most_bytes = int64_t{512} << 20;

private:
  std::string part(const Digest &) const;
  std::string file(const Digest &) const;

  std::string folder_;
};

} // namespace nnc::codegen
