// Arrays within archives: npz, which is a zip of npy files, and safetensors as a source.

#include "runtime/format.h"
#include "runtime/safetensors.h"
#include "tests/runtime_files.h"

using namespace nnc::runtime;
using namespace nnc::tests;
using Catch::Contains;

namespace {

std::string number(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; i++) text += static_cast<char>(i < 8 ? value >> 8 * i & 0xff : 0);
  return text;
}

std::string npy(const std::string &descr, const std::string &shape, const std::string &data) {
  std::string text = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
  return std::string("\x93NUMPY\x01\x00", 8) + number(text.size(), 2) + text + data;
}

std::string deflate_raw(const std::string &text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(deflateBound(&stream, text.size()) + 16, '\0');
  stream.next_in = reinterpret_cast<unsigned char *>(const_cast<char *>(text.data()));
  stream.avail_in = static_cast<unsigned>(text.size());
  stream.next_out = reinterpret_cast<unsigned char *>(packed.data()), stream.avail_out = static_cast<unsigned>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

/// What of a zip may be a lie.
struct Zip {
  std::string name = "x.npy", text; // of its one member
  bool deflated = false, zip64 = false;
  std::optional<uint64_t> bytes, packed_bytes, offset, directory;
  int method = -1, flags = 0, copies = 1;
  uint32_t sum_change = 0;

  std::string file() const {
    std::string packed = deflated ? deflate_raw(text) : text;
    auto sum =
        static_cast<uint32_t>(crc32(0, reinterpret_cast<const unsigned char *>(text.data()), static_cast<unsigned>(text.size())));
    std::string head = number(flags, 2) +
                       number(method >= 0 ? method
                              : deflated  ? 8
                                          : 0,
                              2) +
                       number(0, 4) + number(sum + sum_change, 4);
    uint64_t small = 0xffffffff, said = bytes.value_or(text.size()), packed_said = packed_bytes.value_or(packed.size());
    std::string extra = zip64 ? number(1, 2) + number(16, 2) + number(said, 8) + number(packed_said, 8) : "";
    std::string sizes = zip64 ? number(small, 4) + number(small, 4) : number(packed_said, 4) + number(said, 4);
    std::string local =
        "PK\x03\x04" + number(45, 2) + head + sizes + number(name.size(), 2) + number(extra.size(), 2) + name + extra;
    std::string entry = "PK\x01\x02" + number(45, 2) + number(45, 2) + head + sizes + number(name.size(), 2) +
                        number(extra.size(), 2) + number(0, 2 + 2 + 2 + 4) + number(offset.value_or(0), 4) + name + extra;
    std::string entries;
    for (int i = 0; i < copies; i++) entries += entry;
    std::string result = local + packed, end;
    uint64_t at = directory.value_or(result.size());
    result += entries;
    if (zip64) {
      uint64_t record = result.size();
      result += "PK\x06\x06" + number(44, 8) + number(45, 2) + number(45, 2) + number(0, 8) + number(1, 8) + number(1, 8) +
                number(entries.size(), 8) + number(at, 8);
      result += "PK\x06\x07" + number(0, 4) + number(record, 8) + number(1, 4);
      at = small;
    }
    return result + "PK\x05\x06" + number(0, 4) + number(copies, 2) + number(copies, 2) + number(entries.size(), 4) +
           number(at, 4) + number(3, 2) + "end"; // with a comment
  }
};

Source source_of(const std::string &format, const std::string &key) {
  Source source;
  source.format = format, source.key = key, source.name = "d.x", source.row = {2};
  return source;
}

std::vector<float> values(const Rows &rows) { return {rows.bytes.as<float>(), rows.bytes.as<float>() + rows.bytes.size() / 4}; }

const float four[] = {1, 2, 3, 4};
const std::string array = npy("<f4", "(2, 2)", {reinterpret_cast<const char *>(four), sizeof four});

} // namespace

TEST_CASE("npz: stored and deflated members, zip64, in gzip") {
  Folder folder;
  for (bool deflated : {false, true})
    for (bool zip64 : {false, true}) {
      Zip zip;
      zip.text = array, zip.deflated = deflated, zip.zip64 = zip64;
      for (std::string path : {folder.write("a.npz", zip.file()), folder.write_gzip("a.npz.gz", zip.file())}) {
        Probe found = probe(source_of("npz", "x"), path);
        CHECK(found.error == "");
        CHECK(found.row == std::vector<int64_t>{2});
        Rows rows = read_rows(path, source_of("npz", "x"));
        CHECK(values(rows) == std::vector<float>{1, 2, 3, 4});
        CHECK_THAT(place_of(rows, 1, 0), Contains("(x): row 1 (from 0), element 0"));
        CHECK(values(read_rows(path, source_of("npz", "x.npy"))).size() == 4);
      }
    }
}

TEST_CASE("npz: archives that lie") {
  Folder folder;
  Zip good;
  good.text = array;
  auto with = [&](auto change) {
    Zip zip = good;
    change(zip);
    return zip.file();
  };
  std::string bomb = npy("<f4", "(1000000000, 2)", "");
  const std::pair<std::string, std::string> cases[] = {
      {"", "not a zip archive"},
      {"PK\x05\x06", "not a zip archive"},
      {std::string(1000, 'x'), "not a zip archive"},
      {good.file().substr(0, good.file().size() - 30), "not a zip archive"},
      {with([](Zip &z) { z.name = "y.npy"; }), "it has no array \"x\"; it has y"},
      {with([](Zip &z) { z.copies = 2; }), "two members are named x"},
      {with([](Zip &z) { z.directory = 1 << 30; }), "its directory lies outside the file"},
      {with([](Zip &z) { z.directory = 3; }), "damaged zip archive"},
      {with([](Zip &z) { z.offset = 5; }), "a member is not where its directory says"},
      {with([](Zip &z) { z.offset = 1 << 30; }), "it is cut off"},
      {with([](Zip &z) { z.packed_bytes = z.bytes = 1 << 30; }), "would be 1073741824 bytes long"},
      {with([](Zip &z) { z.bytes = 7; }), "would be 7 bytes long"},
      {with([](Zip &z) { z.deflated = true, z.bytes = 1 << 30; }), "would be 1073741824 bytes long"},
      {with([](Zip &z) { z.deflated = true, z.bytes = 5000; }), "its member x.npy is cut off"},
      {with([](Zip &z) { z.zip64 = true, z.bytes = UINT64_MAX; }), "damaged zip archive"},
      {with([](Zip &z) { z.method = 12; }), "packed by method 12"},
      {with([](Zip &z) { z.flags = 1; }), "is encrypted"},
      {with([](Zip &z) { z.sum_change = 1; }), "the checksum of its member x.npy is wrong"},
      {with([](Zip &z) { z.method = 8; }), "damaged zip archive"},
      {with([&](Zip &z) { z.text = bomb; }), "bytes more: it is cut off or damaged"},
      {with([&](Zip &z) { z.text += "x"; }), "goes on behind its array"},
      {with([&](Zip &z) { z.text = "no array"; }), "not an npy file"},
      {with([&](Zip &z) { z.text = npy("|O", "(1,)", "12345678"); }), "Python objects"},
  };
  for (const auto &[bytes, message] : cases) {
    INFO(message);
    std::string path = folder.write("a.npz", bytes);
    CHECK_THAT(error_of([&] { read_rows(path, source_of("npz", "x")); }), Contains("a.npz") && Contains(message));
  }
}

TEST_CASE("safetensors: one tensor of a file as a source") {
  Folder folder;
  const int64_t labels[] = {5, 6};
  const double scalar = 1;
  std::string path = folder.at("a.safetensors");
  const uint16_t brain[] = {0x3f80, 0xc000, 0x3eab, 0};
  write_safetensors(path, {{"b", Element::bf16, {2, 2}, brain},
                           {"s", Element::f64, {}, &scalar},
                           {"y", Element::i64, {2}, labels},
                           {"x", Element::f32, {2, 2}, four}});
  CHECK(probe(source_of("safetensors", "x"), path).rows == 2);
  CHECK(probe(source_of("safetensors", "y"), path).element == Element::i64);
  CHECK(values(read_rows(path, source_of("safetensors", "x"))) == std::vector<float>{1, 2, 3, 4});
  CHECK(values(read_rows(path, source_of("safetensors", "b"))) == std::vector<float>{1, -2, 0.333984375f, 0});
  CHECK_THAT(probe(source_of("safetensors", "z"), path).error, Contains("it has no tensor \"z\"; it has s, y, x, b"));
  CHECK_THAT(probe(source_of("safetensors", "s"), path).error, Contains("a single number"));
  CHECK_THAT(error_of([&] { read_rows(path, source_of("safetensors", "y")); }),
             Contains("holds numbers, but the model was compiled for rows of shape [2]"));
  std::string cut = folder.read("a.safetensors");
  CHECK_THAT(probe(source_of("safetensors", "x"), folder.write("b.safetensors", cut.substr(0, cut.size() - 1))).error,
             Contains("damaged or cut off"));
}
