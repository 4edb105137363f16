// Bad input gets a clear error: the programs of wrong/, each with the places and words of its errors on its first lines, as in
//   # expect 6:12 rleu; relu
// and data files that are not what a program says they are.

#include "tests/command.h"

#include <catch2/catch.hpp>
#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <sstream>

using namespace nnc::test;

namespace {

struct Expected {
  std::string place; // `6:12`
  std::vector<std::string> words;
};

/// The `# expect` lines at a program's beginning.
std::vector<Expected> expectations(const std::string &program) {
  std::vector<Expected> expected;
  std::istringstream lines(read_text(program));
  for (std::string line; std::getline(lines, line) && line.starts_with("# expect ");) {
    std::istringstream rest(line.substr(std::strlen("# expect ")));
    Expected one;
    rest >> one.place >> std::ws;
    for (std::string word; std::getline(rest, word, ';');) one.words.push_back(word.substr(word.find_first_not_of(' ')));
    expected.push_back(one);
  }
  return expected;
}

/// The compiler's messages, each with the lines that belong to it.
std::vector<std::string> messages(const std::string &text) {
  std::vector<std::string> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (found.empty() || line.find(": error: ") != std::string::npos || line.find(": warning: ") != std::string::npos)
      found.emplace_back();
    found.back() += line + "\n";
  }
  return found;
}

std::string lower(std::string text) {
  for (char &letter : text) letter = char(std::tolower(static_cast<unsigned char>(letter)));
  return text;
}

bool holds(const std::string &text, const std::string &word) { return lower(text).find(lower(word)) != std::string::npos; }

void check_program(const std::filesystem::path &program) {
  TemporaryFolder folder;
  const Outcome outcome = run_command({NNC_BINARY, "check", "--color=never", program.string()}, folder, 20);
  const std::string &all = outcome.error;
  INFO(program.filename().string() << " printed\n" << all << outcome.out);
  CHECK(outcome.signal == 0);
  CHECK(outcome.code == 1);

  const std::vector<Expected> expected = expectations(program.string());
  CHECK_FALSE(expected.empty());
  const std::vector<std::string> found = messages(all);
  for (const Expected &one : expected) {
    const std::string start = program.filename().string() + ":" + one.place + ": error: ";
    const auto message = std::find_if(found.begin(), found.end(), [&](const std::string &text) {
      const size_t at = text.find(start);
      return at != std::string::npos && at < text.find('\n');
    });
    INFO("expected " << start);
    CHECK(message != found.end());
    if (message == found.end()) continue;
    for (const std::string &word : one.words) {
      INFO("with `" << word << "`");
      CHECK(holds(*message, word));
    }
  }
}

// ---- data ----------------------------------------------------------------------------------------------------------

std::string big_endian(uint32_t value) { return {char(value >> 24), char(value >> 16), char(value >> 8), char(value)}; }

/// An idx file of unsigned bytes.
std::string idx_bytes(const std::vector<uint32_t> &shape, const std::string &content) {
  std::string bytes{0, 0, 8, char(shape.size())};
  for (uint32_t extent : shape) bytes += big_endian(extent);
  return bytes + content;
}

std::string npy_bytes(const std::string &type, const std::string &shape, const std::string &content) {
  std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
  header.resize((header.size() + 10 + 1 + 63) / 64 * 64 - 10 - 1, ' ');
  header += '\n';
  return std::string("\x93NUMPY\x01\x00", 8) + char(header.size() & 255) + char(header.size() >> 8) + header + content;
}

std::string floats(std::initializer_list<float> values) {
  return {reinterpret_cast<const char *>(values.begin()), values.size() * sizeof(float)};
}

std::string gzipped(const std::string &content, const TemporaryFolder &folder) {
  const std::string path = folder / "gzipped";
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, content.data(), unsigned(content.size()));
  gzclose(file);
  return read_text(path);
}

struct WrongData {
  std::string name;
  std::string fields; // of the data block; x: real[2] and y: index(3) are what the model uses
  std::string x, y;   // contents of the files `points.data` and `labels.data`
  std::vector<std::string> words;
};

const std::string csv_fields =
    "  table = csv(\"points.data\", header = 0)\n  x: real[2]  = table[0..2]\n  y: index(3) = table[2]\n";
const std::string list_fields = "  x: real[2]  = [[1, 2], [3, 4], [5, 6]]\n  y: index(3) = ";
const std::string idx_fields = "  x: real[2]  = idx(\"points.data\") / 255\n  y: index(3) = idx(\"labels.data\")\n";
const std::string npy_fields = "  x: real[2]  = npy(\"points.data\")\n  y: index(3) = npy(\"labels.data\")\n";

const std::string chars_fields =
    "  x: index(4)[2] = windows(chars(\"points.data\"), 2)\n  y: index(256) = bytes(\"labels.data\")\n";
const std::string npz_fields = "  x: real[2]  = npz(\"points.data\", \"x\")\n  y: index(3) = npy(\"labels.data\")\n";
const std::string tensor_fields = "  x: real[2]  = safetensors(\"points.data\", \"x\")\n  y: index(3) = npy(\"labels.data\")\n";

std::vector<WrongData> wrong_data(const TemporaryFolder &folder) {
  const std::string labels = idx_bytes({3}, {0, 1, 2}), images = idx_bytes({3, 2}, "abcdef");
  const std::string points = npy_bytes("<f4", "(3, 2)", floats({1, 2, 3, 4, 5, 6}));
  const std::string classes = npy_bytes("|u1", "(3,)", {0, 1, 2});
  const std::string noise = []() {
    std::string bytes(4000, ' ');
    uint32_t state = 1;
    for (char &byte : bytes) byte = char((state = state * 1664525 + 1013904223) >> 24);
    return bytes;
  }();
  const std::string zipped = gzipped(idx_bytes({2000, 2}, noise), folder);
  return {
      {"a label that is too large", csv_fields, "1,2,0\n3,4,1\n5,6,3\n", "", {"points.data", "3", "index(3)"}},
      {"a label that is negative", csv_fields, "1,2,0\n3,4,-1\n5,6,1\n", "", {"points.data", "2", "-1"}},
      {"a label that is not whole", csv_fields, "1,2,0\n3,4,1.5\n5,6,1\n", "", {"points.data", "2", "1.5"}},
      {"a row that is too short", csv_fields, "1,2,0\n3,4\n5,6,1\n", "", {"points.data", "2"}},
      {"a row that is too long", csv_fields, "1,2,0\n3,4,1,9\n5,6,1\n", "", {"points.data", "2"}},
      {"text among numbers", csv_fields, "1,2,0\n3,4,1\n5,six,1\n", "", {"points.data", "3", "six"}},
      {"nan", csv_fields, "1,2,0\nnan,4,1\n5,6,1\n", "", {"points.data", "2", "nan"}},
      {"a number beyond every float", csv_fields, "1,2,0\n1e999,4,1\n5,6,1\n", "", {"points.data", "2", "1e999"}},
      {"an empty cell", csv_fields, "1,2,0\n,4,1\n5,6,1\n", "", {"points.data", "2"}},
      {"an empty file", csv_fields, "", "", {"points.data"}},
      {"an unfinished quote", csv_fields, "1,2,0\n\"3,4,1\n5,6,1\n", "", {"points.data"}},
      {"an idx file that is cut", idx_fields, images.substr(0, images.size() - 1), labels, {"points.data"}},
      {"an idx file cut in its header", idx_fields, images.substr(0, 6), labels, {"points.data"}},
      {"no idx file at all", idx_fields, "these are not the bytes of an array", labels, {"points.data", "idx"}},
      {"an idx file that promises more than there can be",
       idx_fields,
       idx_bytes({0xffffffff, 2}, "abcdef"),
       labels,
       {"points.data"}},
      {"a gzip file that is cut",
       idx_fields,
       zipped.substr(0, zipped.size() / 2),
       idx_bytes({2000}, std::string(2000, '\0')),
       {"points.data"}},
      {"a label of a list that is too large", list_fields + "[0, 3, 1]\n", "", "", {"d.y", "3", "index(3)"}},
      {"a list that is too short", list_fields + "[0, 1]\n", "", "", {"d.x", "3", "d.y", "2"}},
      {"fewer labels than images", idx_fields, images, idx_bytes({2}, {0, 1}), {"3", "2"}},
      {"images of another shape", idx_fields, idx_bytes({3, 3}, "abcdefghi"), labels, {"points.data", "3"}},
      {"a label of an idx file that is too large",
       idx_fields,
       images,
       idx_bytes({3}, {0, 7, 1}),
       {"labels.data", "7", "index(3)"}},
      {"an npy file that is cut", npy_fields, points.substr(0, points.size() - 4), classes, {"points.data"}},
      {"an npy file with nan",
       npy_fields,
       npy_bytes("<f4", "(3, 2)", floats({1, 2, 3, NAN, 5, 6})),
       classes,
       {"points.data", "nan"}},
      {"an npy file of objects", npy_fields, npy_bytes("|O", "(3, 2)", "123456"), classes, {"points.data"}},
      {"an npy file whose shape wraps",
       npy_fields,
       npy_bytes("<f4", "(4611686018427387904, 4)", "1234"),
       classes,
       {"points.data"}},
      {"a text that is not UTF-8", chars_fields, "ab\ncd\xff", "012", {"points.data:2:3", "0xff"}},
      {"a text that is shorter than its windows", chars_fields, "a", "", {"window of 2", "1"}},
      {"an empty text", chars_fields, "", "012", {"points.data", "empty"}},
      {"texts of different lengths", chars_fields, "abcab", "012", {"d.y", "3", "d.x", "4"}},
      {"no zip archive", npz_fields, "these are not the bytes of an archive", classes, {"points.data", "zip"}},
      {"no safetensors file", tensor_fields, "these are not the bytes of a file", classes, {"points.data", "safetensors"}},
      {"an npy file of another rank", npy_fields, npy_bytes("<f4", "(6,)", floats({1, 2, 3, 4, 5, 6})), classes, {"points.data"}},
  };
}

std::string program_with(const std::string &fields) {
  return "model Net {\n  layer = Dense(2, 3)\n  fn (x: real[2]) -> real[3] = layer(x)\n}\n"
         "data d {\n" +
         fields +
         "}\ntrain {\n  net      = Net()\n  data     d\n  minimize cross_entropy(net(x), y)\n"
         "  using    sgd(rate = 0.1)\n}\n";
}

} // namespace

TEST_CASE("wrong programs get an error at the right place", "[wrong]") {
  const std::filesystem::path folder = std::filesystem::path(NNC_SOURCE_DIR) / "tests" / "wrong";
  std::vector<std::filesystem::path> programs;
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".nn") programs.push_back(entry.path());
  std::sort(programs.begin(), programs.end());
  CHECK(programs.size() > 40);
  for (const auto &program : programs) check_program(program);
}

TEST_CASE("wrong data gets an error that names file and row", "[wrong]") {
  TemporaryFolder folder;
  for (const WrongData &wrong : wrong_data(folder)) {
    write_text(folder / "points.data", wrong.x);
    write_text(folder / "labels.data", wrong.y);
    write_text(folder / "program.nn", program_with(wrong.fields));
    const Outcome outcome = run_command({NNC_BINARY, "run", folder / "program.nn", "--", "--steps", "1", "--quiet"}, folder, 20);
    INFO(wrong.name << "\n" << outcome.error << outcome.out);
    CHECK(outcome.signal == 0);
    CHECK(outcome.code == 1);
    for (const std::string &word : wrong.words) {
      INFO("with `" << word << "`");
      CHECK(holds(outcome.error, word));
    }
  }
}

TEST_CASE("right data is taken", "[wrong]") {
  TemporaryFolder folder;
  const std::vector<WrongData> right = {
      {"csv", csv_fields, "1,2,0\n3,4,1\n5,6,2\n", "", {}},
      {"csv with a mark of byte order and returns",
       csv_fields,
       "\xEF\xBB\xBF"
       "1,2,0\r\n3,4,1\r\n5,6,2",
       "",
       {}},
      {"idx", idx_fields, idx_bytes({3, 2}, "abcdef"), idx_bytes({3}, {0, 1, 2}), {}},
      {"idx in gzip", idx_fields, gzipped(idx_bytes({3, 2}, "abcdef"), folder), idx_bytes({3}, {0, 1, 2}), {}},
      {"npy", npy_fields, npy_bytes("<f4", "(3, 2)", floats({1, 2, 3, 4, 5, 6})), npy_bytes("|u1", "(3,)", {0, 1, 2}), {}},
  };
  for (const WrongData &one : right) {
    write_text(folder / "points.data", one.x);
    write_text(folder / "labels.data", one.y);
    write_text(folder / "program.nn", program_with(one.fields));
    const Outcome outcome = run_command({NNC_BINARY, "run", folder / "program.nn", "--", "--steps", "1", "--quiet"}, folder, 20);
    INFO(one.name << "\n" << outcome.error << outcome.out);
    CHECK(outcome.code == 0);
  }
}
