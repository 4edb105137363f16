#pragma once
// Source text and places in it. A place is a stretch of text together with the chain of calls that led there, so that a
// message about code of the prelude can name the line of the user's that called it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nnc {

/// A stretch of bytes [begin, end) of one file.
struct Span {
  uint32_t file = 0;
  uint32_t begin = 0;
  uint32_t end = 0;

  bool operator==(const Span &) const = default;
};

/// From the start of the first to the end of the second, both of one file.
Span join(Span first, Span last);

/// One place in a PlaceTable; 0 is nowhere.
struct PlaceId {
  uint32_t number = 0;

  bool operator==(const PlaceId &) const = default;
  explicit operator bool() const { return number != 0; }
};

/// Line and column, both from 1; columns count characters (code points), not bytes.
struct LineColumn {
  int line = 0;
  int column = 0;
};

class SourceFile {
public:
  SourceFile(std::string path, std::string text, bool prelude);

  const std::string &path() const { return path_; }
  std::string_view text() const { return text_; }
  bool prelude() const { return prelude_; }
  LineColumn line_column(uint32_t offset) const;
  std::string_view line(int number) const;

private:
  std::string path_;
  std::string text_;
  bool prelude_ = false;
  std::vector<uint32_t> line_starts_;
};

/// All files of one compile and the places in them. Files are numbered from 0 in the order in which they were added.
class SourceMap {
public:
  uint32_t add_file(std::string path, std::string text, bool prelude = false);
  const SourceFile &file(uint32_t number) const { return files_[number]; }
  size_t file_count() const { return files_.size(); }

  /// The place of `span`, reached from the call at `caller`; equal ones get the same number.
  PlaceId place(Span span, PlaceId caller = {});
  Span span(PlaceId place) const { return places_[place.number].span; }
  PlaceId caller(PlaceId place) const { return places_[place.number].caller; }

  /// The innermost span of the chain that is not in the prelude (the innermost of all where every one is).
  Span user_span(PlaceId place) const;

  /// `digits.nn:6:47`, or "" for nowhere.
  std::string describe(Span span) const;
  std::string describe(PlaceId place) const;
  std::string_view text(Span span) const;

private:
  struct Entry {
    Span span;
    PlaceId caller;
    uint32_t next = 0; // next entry of the same hash bucket
  };
  std::vector<SourceFile> files_;
  std::vector<Entry> places_ = {Entry{}};
  std::vector<uint32_t> buckets_;
};

} // namespace nnc
