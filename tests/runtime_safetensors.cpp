// The safetensors format: round trip, and every way in which a file can lie.

#include "runtime/safetensors.h"
#include "tests/runtime_files.h"

#include <cstring>

using namespace nnc::runtime;
using namespace nnc::tests;
using Catch::Contains;

namespace {

std::string file_of(const std::string &header, const std::string &data) {
  uint64_t length = header.size();
  return std::string(reinterpret_cast<char *>(&length), 8) + header + data;
}

} // namespace

TEST_CASE("safetensors: what is written reads back") {
  Folder folder;
  const float weights[] = {1, -2.5f, 1e-30f, 4, 5, 6};
  const uint8_t flags[] = {1, 0, 1};
  const double pi = 3.14159;
  write_safetensors(
      folder.at("a.safetensors"),
      {{"flags", Element::boolean, {3}, flags}, {"w", Element::f32, {2, 3}, weights}, {"pi", Element::f64, {}, &pi}},
      {{"model", "m"}});
  auto tensors = read_safetensors(folder.at("a.safetensors"));
  REQUIRE(tensors.size() == 3);
  CHECK(tensors[0].name == "pi"); // wide elements first
  CHECK(tensors[1].shape == std::vector<int64_t>{2, 3});
  CHECK(std::memcmp(tensors[1].bytes.data(), weights, sizeof weights) == 0);
  CHECK(tensors[2].dtype == Element::boolean);
  write_safetensors(folder.at("b.safetensors"), tensors);
  CHECK(read_safetensors(folder.at("b.safetensors")).size() == 3);
  write_safetensors(folder.at("b.safetensors"), std::vector<TensorView>{});
  CHECK(read_safetensors(folder.at("b.safetensors")).empty());
}

TEST_CASE("safetensors: files that lie") {
  Folder folder;
  struct {
    std::string bytes, message;
  } cases[] = {
      {"", "fewer than 8 bytes"},
      {std::string(8, '\xff'), "its header would be"},
      {file_of("{}", "").substr(0, 9), "its header would be"},
      {file_of("{", ""), "damaged safetensors header"},
      {file_of("[]", ""), "no JSON object"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
               "1234"),
       "the name a stands twice"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "123"), "damaged or cut off"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "12345"), "goes on behind"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})", "12345"), "a hole or an overlap"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
               "123456"),
       "a hole or an overlap"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "1234"), "does not fit its 4 bytes"},
      {file_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", ""), "does not fit"},
      {file_of(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "1234"), "no whole number"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "1234"), "damaged or cut off"},
      {file_of(R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[0,4]}})", "1234"), "elements of type F4"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1]}})", "1234"), "data_offsets"},
      {file_of(R"({"a":[]})", "1234"), "damaged safetensors header"},
      {file_of("{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}", ""), "damaged safetensors header"},
  };
  for (const auto &c : cases) {
    INFO(c.message);
    CHECK_THAT(error_of([&] { read_safetensors(folder.write("a.safetensors", c.bytes)); }), Contains(c.message));
  }
}

TEST_CASE("a file is written whole or not at all") {
  Folder folder;
  std::string path = folder.write("a.safetensors", "old");
  CHECK_THAT(error_of([&] { write_safetensors(folder.at("none/a.safetensors"), std::vector<TensorView>{}); }),
             Contains("cannot be written"));
  CHECK_THAT(error_of([&] { write_safetensors(folder.path, std::vector<TensorView>{}); }), Contains("is a directory"));
  CHECK(folder.read("a.safetensors") == "old");
  write_safetensors(path, std::vector<TensorView>{});
  CHECK(read_safetensors(path).empty());
  auto files = std::filesystem::directory_iterator(folder.path);
  CHECK(std::distance(begin(files), end(files)) == 1); // no temporary file is left
}
