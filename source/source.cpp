#include "source/source.h"

#include "source/utf8.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace nnc {

Span join(Span first, Span last) { return {first.file, first.begin, std::max(first.begin, last.end)}; }

SourceFile::SourceFile(std::string path, std::string text, bool prelude)
    : path_(std::move(path)), text_(std::move(text)), prelude_(prelude), line_starts_{0} {
  for (size_t at = 0; at < text_.size(); ++at) {
    bool lone_return = text_[at] == '\r' && (at + 1 == text_.size() || text_[at + 1] != '\n');
    if (text_[at] == '\n' || lone_return) line_starts_.push_back(static_cast<uint32_t>(at + 1));
  }
}

LineColumn SourceFile::line_column(uint32_t offset) const {
  offset = std::min(offset, static_cast<uint32_t>(text_.size()));
  auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  LineColumn place{static_cast<int>(after - line_starts_.begin()), 1};
  for (size_t at = *(after - 1); at < offset; at += character_at(text_, at).length) ++place.column;
  return place;
}

std::string_view SourceFile::line(int number) const {
  if (number < 1 || static_cast<size_t>(number) > line_starts_.size()) return {};
  size_t begin = line_starts_[number - 1];
  size_t end = static_cast<size_t>(number) < line_starts_.size() ? line_starts_[number] : text_.size();
  while (end > begin && (text_[end - 1] == '\n' || text_[end - 1] == '\r')) --end;
  return std::string_view(text_).substr(begin, end - begin);
}

uint32_t SourceMap::add_file(std::string path, std::string text, bool prelude) {
  files_.emplace_back(std::move(path), std::move(text), prelude);
  return static_cast<uint32_t>(files_.size() - 1);
}

static size_t hash_of(Span span, PlaceId caller) {
  uint64_t hash = 0xcbf29ce484222325u; // FNV-1a over the four words
  for (uint32_t word : {span.file, span.begin, span.end, caller.number}) hash = (hash ^ word) * 0x100000001b3u;
  return hash ^ (hash >> 32);
}

PlaceId SourceMap::place(Span span, PlaceId caller) {
  if (places_.size() >= buckets_.size()) {
    buckets_.assign(std::max<size_t>(64, 2 * buckets_.size()), 0);
    for (uint32_t number = 1; number < places_.size(); ++number) {
      uint32_t &bucket = buckets_[hash_of(places_[number].span, places_[number].caller) % buckets_.size()];
      places_[number].next = std::exchange(bucket, number);
    }
  }
  uint32_t &bucket = buckets_[hash_of(span, caller) % buckets_.size()];
  for (uint32_t number = bucket; number != 0; number = places_[number].next)
    if (places_[number].span == span && places_[number].caller == caller) return {number};
  places_.push_back({span, caller, bucket});
  bucket = static_cast<uint32_t>(places_.size() - 1);
  return {bucket};
}

Span SourceMap::user_span(PlaceId place) const {
  for (PlaceId at = place; at; at = caller(at))
    if (!file(span(at).file).prelude()) return span(at);
  return span(place);
}

std::string SourceMap::describe(Span span) const {
  if (span.file >= files_.size()) return "";
  LineColumn at = file(span.file).line_column(span.begin);
  return fmt::format("{}:{}:{}", file(span.file).path(), at.line, at.column);
}

std::string SourceMap::describe(PlaceId place) const { return place ? describe(user_span(place)) : ""; }

std::string_view SourceMap::text(Span span) const {
  if (span.file >= files_.size()) return {};
  std::string_view whole = file(span.file).text();
  size_t begin = std::min<size_t>(span.begin, whole.size());
  return whole.substr(begin, std::min<size_t>(span.end, whole.size()) - begin);
}

} // namespace nnc
