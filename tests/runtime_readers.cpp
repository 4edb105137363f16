// Data files: what they give, and what every kind of damage says.

#include "runtime/csv.h"
#include "runtime/dataset.h"
#include "runtime/format.h"
#include "tests/runtime_files.h"

using namespace nnc::runtime;
using namespace nnc::tests;
using Catch::Contains;
using Catch::EndsWith;

namespace {

Source table(int64_t columns, Stored stored = Stored::f32) {
  Source source;
  source.format = "csv", source.row = {columns}, source.stored = stored;
  return source;
}

Rows read_array_file(const std::string &path, const std::string &format, Stored stored) {
  Source source;
  source.format = format, source.stored = stored;
  return format_named(format).read(path, source);
}

Probe probe_file(const std::string &format, const std::string &path, std::optional<int> header = {}) {
  Source source;
  source.format = format, source.header = header;
  return probe(source, path);
}

template <class T> std::vector<T> values(const Rows &rows) {
  return {rows.bytes.as<T>(), rows.bytes.as<T>() + rows.bytes.size() / static_cast<int64_t>(sizeof(T))};
}

std::string idx(int type, std::vector<int> shape, const std::string &data) {
  std::string bytes = {0, 0, static_cast<char>(type), static_cast<char>(shape.size())};
  for (int extent : shape)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(static_cast<unsigned>(extent) >> shift & 0xff);
  return bytes + data;
}

std::string npy(const std::string &dictionary, const std::string &data, char version = 1) {
  std::string size = {static_cast<char>(dictionary.size() & 0xff), static_cast<char>(dictionary.size() >> 8)};
  if (version > 1) size += std::string(2, '\0');
  return std::string("\x93NUMPY") + version + '\0' + size + dictionary + data;
}

std::string npy_of(const std::string &descr, const std::string &shape, const std::string &data, const char *fortran = "False") {
  return npy("{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }", data);
}

template <class T> std::string bytes_of(std::vector<T> values) {
  return {reinterpret_cast<char *>(values.data()), values.size() * sizeof(T)};
}

} // namespace

TEST_CASE("csv: numbers, headings, line endings") {
  Folder folder;
  std::string expected_forms[] = {"1,2\n3,4\n",
                                  "1,2\n3,4",
                                  "\xef\xbb\xbf"
                                  "1,2\r\n3,4\r\n",
                                  "1,2\r3,4\r",
                                  "a,b\n1,2\n3,4\n",
                                  "\n1,2\n\n\n3,4\n\n",
                                  " 1 ,\t2\n+3,4e0\n",
                                  "\"1\",\"2\"\n\"3\" , 4\n",
                                  "\"a, \"\"b\"\"\nc\",d\n1,2\n3,4\n"};
  for (const std::string &text : expected_forms) {
    INFO(text);
    CHECK(values<float>(read_csv(folder.write("a.csv", text), table(2))) == std::vector<float>{1, 2, 3, 4});
    CHECK(values<float>(read_csv(folder.write_gzip("a.csv.gz", text), table(2))) == std::vector<float>{1, 2, 3, 4});
  }
}

TEST_CASE("csv: a decimal is rounded once") {
  Folder folder;
  auto rows = read_csv(folder.write("a.csv", "0.1\n1.00000005960464477540\n"), table(1));
  CHECK(values<float>(rows) == std::vector<float>{0.1f, 1.0000001f});
}

TEST_CASE("csv: columns that are not used may hold anything, texts become indices") {
  Folder folder;
  Source source = table(3, Stored::u8);
  source.used = {1, 2};
  source.alphabets = {{2, {"cat", "dog"}}};
  std::string path = folder.write("a.csv", "name,size,kind\nrex,3,dog\ntom,2,cat\n");
  CHECK(values<uint8_t>(read_csv(path, source)) == std::vector<uint8_t>{0, 3, 1, 0, 2, 0});
  CHECK(csv_texts(path, {}, 2) == std::vector<std::string>{"cat", "dog"});
  source.alphabets[0].values = {"cat"};
  CHECK_THAT(error_of([&] { read_csv(path, source); }), Contains("a.csv:2: column 3: `dog` is none of the 1 texts"));
}

TEST_CASE("csv: errors name line and column") {
  Folder folder;
  struct {
    std::string text, message;
    Stored stored = Stored::f32;
  } cases[] = {
      {"", "the file is empty"},
      {"\n\n", "the file is empty"},
      {"a,b\n", "no rows behind its heading"},
      {"1,2\n3\n", ":2: 1 columns, but the rows before have 2"},
      {"1,2\n\n3,4,5\n", ":3: 3 columns"},
      {"1\n", ":1: 1 columns, but the model was compiled for 2"},
      {"1,2\n3,x\n", ":2: column 2: `x` is not a number"},
      {"1,2\n3,\n", ":2: column 2: the cell is empty"},
      {"1,2\n3,1e999\n", ":2: column 2: `1e999` is too large a number"},
      {"1,2\n3,1e39\n", ":2: column 2: `1e39` is too large a number"},
      {"1,2\nnan,4\n", ":2: column 1: `nan` is not a finite number"},
      {"1,2\n-inf,4\n", ":2: column 1: `-inf` is not a finite number"},
      {"1,2\n3,0x10\n", ":2: column 2: `0x10` is not a number"},
      {std::string("1,2\n3,\0004\n", 9), ":2: column 2: a zero byte"},
      {"1,2\n3,\"4\n", ":2: column 2: the quote that opens this cell is never closed"},
      {"1,2\n3,\"4\"5\n", ":2: column 2: text behind the closing quote"},
      {"1,2\n3,4\"5\n", ":2: column 2: a quote within a cell"},
      {"a,\"b\n\nc\"\n1,2\n3,x\n", ":5: column 2: `x`"},
      {"1,2\n3,1.5\n", ":2: column 2: `1.5` is not a whole number", Stored::u8},
      {"1,2\n3,256\n", ":2: column 2: `256` is not in 0 to 255", Stored::u8},
      {"1,2\n3,-2147483649\n", ":2: column 2: `-2147483649` is not in -2147483648", Stored::i32},
  };
  for (const auto &c : cases) {
    INFO(c.text);
    CHECK_THAT(error_of([&] { read_csv(folder.write("a.csv", c.text), table(2, c.stored)); }),
               Contains("a.csv") && Contains(c.message));
  }
}

TEST_CASE("csv: records longer than a block, and many of them") {
  Folder folder;
  std::string text;
  for (int row = 0; row < 3; row++)
    for (int i = 0; i < 200000; i++) text += std::to_string(i % 7) + (i == 199999 ? "\r\n" : ",");
  Rows wide = read_csv(folder.write("a.csv", text), table(200000, Stored::u8));
  CHECK(wide.count == 3);
  CHECK(values<uint8_t>(wide)[400005] == 5);
  text.clear();
  for (int i = 0; i < 100000; i++) text += std::to_string(i) + "\n" + (i == 50000 ? "\n" : "");
  Rows tall = read_csv(folder.write("a.csv", text), table(1, Stored::i32));
  CHECK(tall.count == 100000);
  CHECK(values<int32_t>(tall)[99999] == 99999);
  CHECK(tall.lines.of(50000) == 50001);
  CHECK(tall.lines.of(50001) == 50003);
}

TEST_CASE("idx: every element type, big-endian") {
  Folder folder;
  auto floats = [&](int type, const std::string &data) {
    return values<float>(read_array_file(folder.write("a.idx", idx(type, {2}, data)), "idx", Stored::f32));
  };
  CHECK(floats(0x08, "\x01\xff") == std::vector<float>{1, 255});
  CHECK(floats(0x09, "\x01\xff") == std::vector<float>{1, -1});
  CHECK(floats(0x0b, std::string("\x01\x00\xff\xff", 4)) == std::vector<float>{256, -1});
  CHECK(floats(0x0c, std::string("\x00\x01\x00\x00\xff\xff\xff\xff", 8)) == std::vector<float>{65536, -1});
  CHECK(floats(0x0d, std::string("\x3f\x80\x00\x00\xbf\x80\x00\x00", 8)) == std::vector<float>{1, -1});
  CHECK(floats(0x0e, std::string("\x3f\xf0\0\0\0\0\0\0\xbf\xf0\0\0\0\0\0\0", 16)) == std::vector<float>{1, -1});
  Rows images = read_array_file(folder.write_gzip("b.gz", idx(8, {2, 1, 3}, "abcdef")), "idx", Stored::u8);
  CHECK(images.count == 2);
  CHECK(images.row == std::vector<int64_t>{1, 3});
  CHECK(values<uint8_t>(images) == std::vector<uint8_t>{'a', 'b', 'c', 'd', 'e', 'f'});
}

TEST_CASE("idx: headers that lie") {
  Folder folder;
  struct {
    std::string bytes, message;
  } cases[] = {
      {"", "cut off within its idx header"},
      {idx(8, {2, 3}, "").substr(0, 9), "cut off within its idx header"},
      {idx(8, {6}, "abcde"), "shape [6], but the file holds at most 5 bytes more"},
      {idx(8, {100}, "abcde"), "promises an array of u8 of shape [100]"},
      {idx(8, {4}, "abcde"), "goes on behind its array of shape [4]"},
      {idx(8, {0, 3}, "a"), "the array is empty"},
      {idx(8, {}, "a"), "single number"},
      {idx(7, {1}, "a"), "not an idx file"},
      {idx(14, {-1, -1, -1, -1}, "a"), "bytes more: it is cut off or damaged"},
      {"P6 not idx", "not an idx file: it begins with bytes 50 36 20 6e"},
  };
  for (const auto &c : cases) {
    INFO(c.message);
    CHECK_THAT(error_of([&] { read_array_file(folder.write("a.idx", c.bytes), "idx", Stored::u8); }), Contains(c.message));
  }
  std::string noise(100000, ' ');
  for (size_t i = 0; i < noise.size(); i++) noise[i] = static_cast<char>(i * i * 2654435761u >> 13);
  folder.write_gzip("a.gz", idx(8, {100000}, noise));
  std::string half = folder.read("a.gz");
  CHECK_THAT(error_of([&] { read_array_file(folder.write("h.gz", half.substr(0, half.size() / 2)), "idx", Stored::u8); }),
             Contains("damaged gzip file: it is cut off"));
  half[half.size() / 2] ^= 0x55;
  CHECK_THAT(error_of([&] { read_array_file(folder.write("h.gz", half), "idx", Stored::u8); }), Contains("h.gz"));
}

TEST_CASE("npy: versions, orders, types") {
  Folder folder;
  auto read = [&](const std::string &bytes) { return read_array_file(folder.write("a.npy", bytes), "npy", Stored::f32); };
  std::string six = bytes_of<float>({1, 2, 3, 4, 5, 6});
  for (char version : {1, 2, 3}) {
    Rows rows = read(npy("{\"shape\":(2,3),'descr':'<f4','fortran_order':False}\n", six, version));
    CHECK(rows.row == std::vector<int64_t>{3});
    CHECK(values<float>(rows) == std::vector<float>{1, 2, 3, 4, 5, 6});
  }
  CHECK(values<float>(read(npy_of("<f4", "(2, 3)", six, "True"))) == std::vector<float>{1, 3, 5, 2, 4, 6});
  CHECK(values<float>(read(npy_of(">i2", "(2,)", std::string("\x01\x00\xff\xff", 4)))) == std::vector<float>{256, -1});
  CHECK(values<float>(read(npy_of("<i8", "(2,)", bytes_of<int64_t>({7, -9})))) == std::vector<float>{7, -9});
  CHECK(values<float>(read(npy_of("|b1", "(2,)", std::string("\x01\x00", 2)))) == std::vector<float>{1, 0});
  CHECK(values<float>(read(npy_of("<f8", "(2,)", bytes_of<double>({0.1, -1})))) == std::vector<float>{0.1f, -1});
}

TEST_CASE("npy: halves are numbers of f32") {
  Folder folder;
  // 1, -2, the largest, the smallest above 0, 1/3 rounded
  auto rows =
      read_array_file(folder.write("a.npy", npy_of("<f2", "(5,)", bytes_of<uint16_t>({0x3c00, 0xc000, 0x7bff, 0x0001, 0x3555}))),
                      "npy", Stored::f32);
  CHECK(values<float>(rows) == std::vector<float>{1, -2, 65504, 0x1p-24f, 0.333251953125f});
  CHECK_THAT(error_of([&] {
               read_array_file(folder.write("a.npy", npy_of("<f2", "(2,)", bytes_of<uint16_t>({0, 0x7c00}))), "npy", Stored::f32);
             }),
             Contains("row 1 (from 0): inf is not a finite number"));
}

TEST_CASE("npy: damage and values without a place") {
  Folder folder;
  std::string one = bytes_of<float>({1});
  struct {
    std::string bytes, message;
    Stored stored = Stored::f32;
  } cases[] = {
      {"", "cut off within its npy header"},
      {"\x89PNG....", "not an npy file"},
      {npy("{}", "", 9), "npy version 9.0"},
      {npy("{}", ""), "missing `descr`"},
      {npy("{'descr': '<f4', 'descr': '<f4'}", ""), "a key twice"},
      {npy("{'descr': '<f4', 'x': 1}", ""), "an unknown key"},
      {npy("{'descr': '<f4", ""), "a text without end"},
      {npy_of("|O", "(1,)", one), "Python objects"},
      {npy_of("<c8", "(1,)", one), "npy array of `<c8`"},
      {npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", one), "records"},
      {npy_of("<f4", "()", one), "single number"},
      {npy_of("<f4", "(0,)", one), "empty"},
      {npy_of("<f4", "(1, )", ""), "bytes more: it is cut off or damaged"},
      {npy_of("<f4", "(4294967296, 4294967296, 4)", one), "bytes more: it is cut off or damaged"},
      {npy_of("<f4", "(99999999999999999999,)", one), "beyond 64 bits"},
      {npy_of("<f4", "(-1,)", one), "an extent expected"},
      {npy_of("<f4", "(1,)", one + "x"), "goes on behind"},
      {npy_of("<f4", "(2,)", bytes_of<float>({1, NAN})), "row 1 (from 0): nan is not a finite number"},
      {npy_of("<f8", "(1,2)", bytes_of<double>({1, 1e300})),
       "row 0 (from 0), element 1 (from 0): 1e+300 is too large for 32 bits"},
      {npy_of("<f4", "(2,)", bytes_of<float>({1, 1.5})), "row 1 (from 0): 1.5 is not a whole number", Stored::i32},
      {npy_of("<i8", "(2,)", bytes_of<int64_t>({1, 16777217})), "16777217 is not exact in 32 bits"},
      {npy_of("<i8", "(1,)", bytes_of<int64_t>({INT64_MAX})), "is not exact in 64 bits", Stored::f64},
      {npy_of("<u8", "(1,)", bytes_of<uint64_t>({UINT64_MAX})), "is not in -2147483648 to 2147483647", Stored::i32},
      {npy_of("|b1", "(1,)", "\x02"), "2 is not a truth value"},
      {npy_of("<f4", "(1,)", bytes_of<float>({-1})), "-1 is not in 0 to 255", Stored::u8},
  };
  for (const auto &c : cases) {
    INFO(c.message);
    CHECK_THAT(error_of([&] { read_array_file(folder.write("a.npy", c.bytes), "npy", c.stored); }), Contains(c.message));
  }
}

TEST_CASE("a column is of text where its first cell that is not empty is no number") {
  Folder folder;
  std::string path = folder.write("a.csv", "a,b,c,d\n1,,x,\n2,y,3,4\n");
  CHECK(probe_file("csv", path).text == std::vector<bool>{false, true, true, false});
  CHECK_THAT(error_of([&] { csv_texts(folder.write("b.csv", "1,x\n2,\xffy\n"), {}, 1); }),
             Contains("b.csv:2: column 2: `") && EndsWith("` is not UTF-8"));
  CHECK_THAT(error_of([&] { csv_texts(path, {}, 2, 1); }), Contains("a.csv:3: column 3: the column has more than 1 different"));
}

TEST_CASE("what is no file says so") {
  Folder folder;
  CHECK_THAT(probe_file("csv", folder.path).error, Contains("is a directory"));
  CHECK_THAT(probe_file("idx", "/dev/zero").error, Contains("is a device or pipe"));
  CHECK_THAT(probe_file("npy", folder.at("none.npy")).error, Contains("No such file"));
  CHECK_THAT(error_of([&] { find_file("none.csv", folder.path); }),
             Contains(folder.path + "/none.csv") && Contains("beside the program"));
}

TEST_CASE("a probe reads shapes and types only") {
  Folder folder;
  Probe csv = probe_file("csv", folder.write("a.csv", "size,kind\n1,cat\n"));
  CHECK(csv.row == std::vector<int64_t>{2});
  CHECK(csv.headings == std::vector<std::string>{"size", "kind"});
  CHECK(csv.text == std::vector<bool>{false, true});
  CHECK(probe_file("csv", folder.write("a.csv", "150,4,x\n1,2,3\n"), 1).text == std::vector<bool>{false, false, false});
  Probe images = probe_file("idx", folder.write("a.idx", idx(8, {2, 1, 3}, "abcdef")));
  CHECK(images.rows == 2);
  CHECK(images.row == std::vector<int64_t>{1, 3});
  CHECK(images.stored == Stored::u8);
  CHECK(probe_file("npy", folder.write("a.npy", npy_of("<i8", "(1,)", std::string(8, 0)))).element == Element::i64);
}

TEST_CASE("sources of one clause have the same number of rows") {
  Folder folder;
  Description about;
  for (const char *name : {"d.x", "d.y"}) {
    Source source = table(1);
    source.name = name, source.directory = folder.path, source.path = std::string(name) + ".csv";
    about.sources.push_back(source);
  }
  about.data = {{"d", {0, 1}, {}}};
  folder.write("d.x.csv", "1\n2\n");
  folder.write("d.y.csv", "1\n2\n3\n");
  CHECK_THAT(error_of([&] { Dataset(about, {}, {true, true}); }), Contains("d.x.csv has 2") && Contains("d.y.csv has 3"));
  CHECK(Dataset(about, {{"d.y", folder.at("d.x.csv")}}, {true, true}).count(0) == 2);
  CHECK(Dataset(about, {}, {false, true}).count(0) == 3);
  CHECK_THAT(error_of([&] { Dataset(about, {{"d.z", "a"}}, {true, true}); }), Contains("d.z") && EndsWith("d.x, d.y"));
}
