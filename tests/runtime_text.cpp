// Sequences and lines of characters, bytes, and windows over them.

#include "runtime/dataset.h"
#include "runtime/format.h"
#include "runtime/text.h"
#include "tests/runtime_files.h"

using namespace nnc::runtime;
using namespace nnc::tests;
using Catch::Contains;

namespace {

/// The source that a compile makes of the file.
Source source_of(const std::string &format, const std::string &path, int64_t window = 0) {
  Source source;
  source.format = format, source.name = "d.x";
  Probe found = probe(source, path);
  REQUIRE(found.error == "");
  source.row = found.row, source.stored = found.stored, source.names = found.names, source.limit = found.limit;
  if (window > 0) source.window = window, source.row.insert(source.row.begin(), window);
  return source;
}

std::vector<int> values(const Rows &rows) {
  std::vector<int> result;
  for (int64_t i = 0; i < elements_of(rows, rows.count); i++)
    result.push_back(rows.stored == Stored::u8 ? rows.bytes.as<uint8_t>()[i] : rows.bytes.as<int32_t>()[i]);
  return result;
}

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("chars: an alphabet by code point, and the places of the characters in it") {
  Folder folder;
  for (std::string path : {folder.write("a.txt", "bé\na€b😀"),
                           folder.write("b.txt", "\xef\xbb\xbf"
                                                 "bé\na€b😀"),
                           folder.write_gzip("a.txt.gz", "bé\na€b😀")}) {
    Source source = source_of("chars", path);
    CHECK(source.names == Names{"\n", "a", "b", "é", "€", "😀"});
    CHECK(source.limit == 6);
    CHECK(source.stored == Stored::u8);
    Rows rows = read_rows(path, source);
    CHECK(rows.count == 7);
    CHECK(values(rows) == std::vector<int>{2, 3, 0, 1, 4, 2, 5});
  }
}

TEST_CASE("chars: more than 256 different ones, and more than a block of them") {
  Folder folder;
  std::string text;
  for (char32_t c = 0x4e00; c < 0x4e00 + 300; c++) text += utf8(c);
  std::string path = folder.write("a.txt", text);
  Source source = source_of("chars", path);
  CHECK(source.stored == Stored::i32);
  CHECK(values(read_rows(path, source))[299] == 299);
  std::string many = "x";
  for (int i = 0; i < 200000; i++) many += "é";
  path = folder.write("b.txt", many);
  CHECK(read_rows(path, source_of("chars", path)).count == 200001);
}

TEST_CASE("chars: what is no text, or has another alphabet, is named by line and column") {
  Folder folder;
  Source source = source_of("chars", folder.write("a.txt", "abc\n"));
  struct {
    std::string text, message;
  } cases[] = {
      {"", "the file is empty"},
      {"\xef\xbb\xbf", "the file is empty"},
      {"ab\ncad", ":2:3: the character `d` (U+0064) is none of the 4 that the text had when the model was compiled"},
      {"ab\nc\xff", ":2:2: byte 0xff is not UTF-8; `bytes(…)` reads"},
      {"ab\n\x80", ":2:1: byte 0x80 is not UTF-8"},
      {"a\xc0\xaf", ":1:2: byte 0xc0"},         // overlong
      {"a\xe0\x80\xaf", ":1:2: byte 0xe0"},     // overlong
      {"a\xed\xa0\x80", ":1:2: byte 0xed"},     // a surrogate
      {"a\xf4\x90\x80\x80", ":1:2: byte 0xf4"}, // beyond U+10FFFF
      {"a\xc3", ":1:2: byte 0xc3 is not UTF-8"},
      {"a\xe2\x82", ":1:2: byte 0xe2 is not UTF-8"},
  };
  for (const auto &c : cases) {
    INFO(c.message);
    std::string path = folder.write("b.txt", c.text);
    CHECK_THAT(error_of([&] { read_rows(path, source); }), Contains("b.txt") && Contains(c.message));
  }
  CHECK(values(read_rows(folder.write("b.txt", "cc"), source)) == std::vector<int>{3, 3}); // fewer characters are no harm
}

TEST_CASE("lines: padded with 0 to the longest, whatever ends them") {
  Folder folder;
  for (const char *text : {"ab\n\nabc\n", "ab\n\nabc", "ab\r\n\r\nabc\r\n",
                           "\xef\xbb\xbf"
                           "ab\n\nabc\n"}) {
    INFO(text);
    std::string path = folder.write("a.txt", text);
    Source source = source_of("lines", path);
    CHECK(source.names == Names{"", "a", "b", "c"});
    CHECK(source.row == std::vector<int64_t>{3});
    Rows rows = read_rows(path, source);
    CHECK(rows.count == 3);
    CHECK(values(rows) == std::vector<int>{1, 2, 0, 0, 0, 0, 1, 2, 3});
  }
  Source source = source_of("lines", folder.write("a.txt", "ab\nc\n"));
  CHECK_THAT(error_of([&] { read_rows(folder.write("b.txt", "a\nabc\n"), source); }),
             Contains("b.txt:2:3: the line has more than 2 characters"));
  CHECK_THAT(error_of([&] { read_rows(folder.write("b.txt", "a\nax\n"), source); }), Contains("b.txt:2:2: the character `x`"));
  for (const char *text : {"", "\n\n"}) {
    Source lines;
    lines.format = "lines";
    CHECK_THAT(probe(lines, folder.write("c.txt", text)).error, Contains("c.txt") && Contains("empty"));
  }
}

TEST_CASE("bytes are what the file holds") {
  Folder folder;
  std::string path = folder.write("a.bin", std::string("\x00\xff\x0a", 3));
  Source source = source_of("bytes", path);
  CHECK(source.limit == 256);
  CHECK(values(read_rows(path, source)) == std::vector<int>{0, 255, 10});
  CHECK_THAT(error_of([&] { read_rows(folder.write("b.bin", ""), source); }), Contains("b.bin: the file is empty"));
  CHECK_THAT(error_of([&] { read_rows("/dev/zero", source); }), Contains("is a device or pipe"));
}

TEST_CASE("windows lie over one another in memory") {
  Folder folder;
  std::string path = folder.write("a.txt", "abcde");
  Rows rows = read_rows(path, source_of("chars", path, 3));
  CHECK(rows.count == 3);
  CHECK(rows.row == std::vector<int64_t>{3});
  CHECK(rows.step == 1);
  CHECK(rows.bytes.size() == 5);
  Source table;
  table.format = "csv", table.row = {2, 3}, table.window = 2;
  Rows rows_of_table = read_rows(folder.write("a.csv", "1,2,3\n4,5,6\n7,8,9\n"), table);
  CHECK(rows_of_table.count == 2);
  CHECK(rows_of_table.step == 3);
  CHECK(rows_of_table.bytes.size() == 9 * 4);
  CHECK_THAT(place_of(rows_of_table, 1, 4), Contains("a.csv:3: column 2")); // the second row of the second window
  CHECK_THAT(error_of([&] { read_rows(path, source_of("chars", path, 6)); }),
             Contains("a.txt: it has 5 rows or characters, which is shorter than a window of 6"));
}

TEST_CASE("windows that are given one by one are laid out with room between them") {
  Description about;
  Source source;
  source.name = "d.x", source.format = "chars", source.row = {3}, source.stored = Stored::u8, source.window = 3;
  about.sources = {source, source};
  about.sources[1].name = "d.y", about.sources[1].window = 0, about.sources[1].row = {};
  about.data = {{"d", {0, 1}, {}}};
  std::vector<Rows> given(2);
  given[0].count = 2, given[0].row = {3}, given[0].stored = Stored::u8, given[0].bytes = Memory(6, "data");
  given[1].count = 2, given[1].stored = Stored::u8, given[1].bytes = Memory(2, "data");
  for (int i = 0; i < 6; i++) given[0].bytes.data()[i] = static_cast<unsigned char>(i + 1);
  for (int i = 0; i < 2; i++) given[1].bytes.data()[i] = static_cast<unsigned char>(i + 8);
  Dataset data(about, std::move(given), 2);
  CHECK(data.spacing(0) == 3);
  for (int64_t example = 0; example < 2; example++) { // as compiled code finds them: a window begins at each element
    const auto *x = static_cast<const uint8_t *>(data.pointers()[0]) + example * data.spacing(0);
    CHECK(std::vector<int>(x, x + 3) == std::vector<int>{int(3 * example) + 1, int(3 * example) + 2, int(3 * example) + 3});
    CHECK(static_cast<const uint8_t *>(data.pointers()[1])[example * data.spacing(0)] == 8 + example);
  }
}
