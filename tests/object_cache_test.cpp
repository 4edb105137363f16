// Machine code kept from compile to compile: found again, the same bits, and never in the way.

#include "codegen/object_cache.h"
#include "tests/command.h"

#include <catch2/catch.hpp>

#include <future>
#include <set>
#include <sys/stat.h>

using namespace nnc;
using namespace nnc::codegen;
using test::run_command;
using test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

std::vector<fs::path> files_in(const fs::path &folder) {
  std::vector<fs::path> files;
  if (!fs::exists(folder)) return files;
  for (const auto &entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  return files;
}

std::string model(int width) {
  const std::string w = std::to_string(width);
  return "model Net {\n  hidden = Dense(2, " + w + ")\n  output = Dense(" + w +
         ", 1)\n  fn (x: real[2]) -> real[1] = x |> hidden |> tanh |> output\n}\n"
         "data pairs {\n  x: real[2] = [[0, 1], [1, 0]]\n  y: real[1] = [[1], [0]]\n}\n"
         "train {\n  net = Net()\n  data pairs\n  minimize squared_error(net(x), y)\n  using sgd(rate = 0.1)\n  batch 2\n  "
         "epochs 2\n}\n";
}

/// Compiles in a folder with a cache of its own.
class Compiles {
public:
  Compiles() : cache(folder.path / "cache") { write(4); }
  void write(int width) { test::write_text(folder / "net.nn", model(width)); }

  /// The program, or what went wrong.
  std::string program(std::vector<std::string> options = {}, const std::string &output = "net") {
    std::vector<std::string> command = {"/usr/bin/env", "XDG_CACHE_HOME=" + cache.string(), NNC_BINARY, folder / "net.nn", "-o",
                                        folder / output};
    command.insert(command.end(), options.begin(), options.end());
    TemporaryFolder own;
    const auto outcome = run_command(command, own);
    return outcome.code == 0 && outcome.error.empty() ? test::read_text(folder / output) : outcome.out + outcome.error;
  }

  TemporaryFolder folder;
  fs::path cache;
};

const std::string elf = "\x7f"
                        "ELF";

} // namespace

TEST_CASE("an object is found by its key as it was kept, and not where a byte of its file has changed", "[cache]") {
  TemporaryFolder folder;
  const ObjectCache cache(folder / "cache");
  const Digest key = digest("key"), other = digest("other");
  const std::string object("an object\0with a zero", 21);
  CHECK_FALSE(cache.find(key));
  cache.keep(key, object);
  CHECK(cache.find(key) == object);
  CHECK_FALSE(cache.find(other));
  const std::vector<fs::path> files = files_in(folder.path);
  REQUIRE(files.size() == 1);
  const std::string whole = test::read_text(files[0].string());
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] ^= 1;
    test::write_text(files[0].string(), damaged);
    CHECK_FALSE(cache.find(key));
  }
  for (const std::string &damaged : {whole.substr(0, whole.size() - 1), whole + "x", whole.substr(0, 20), std::string()}) {
    test::write_text(files[0].string(), damaged);
    CHECK_FALSE(cache.find(key));
  }
  cache.keep(key, object);
  CHECK(cache.find(key) == object);
}

TEST_CASE("what has not been used for longest leaves a full cache", "[cache]") {
  TemporaryFolder folder;
  const ObjectCache cache(folder / "cache");
  std::vector<Digest> keys; // of one part
  for (int i = 0; keys.size() < 8; ++i)
    if (Digest key = digest(std::to_string(i)); key.words[0] >> 60 == 3) keys.push_back(key);
  for (const Digest &key : keys) cache.keep(key, std::string(4000, 'x'));
  for (const fs::path &file : files_in(folder.path))
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(24));
  CHECK(cache.find(keys[5])); // used now
  cache.trim(keys[0], 16 * (int64_t{1} << 30));
  CHECK(files_in(folder.path).size() == 8);
  cache.trim(keys[0], 16 * 16384);
  CHECK(files_in(folder.path).size() < 4);
  CHECK(cache.find(keys[5]));
}

TEST_CASE("the same program with the cache and without", "[cache]") {
  Compiles compiles;
  const std::string without = compiles.program({"--no-cache"});
  CHECK(without.starts_with(elf));
  CHECK(files_in(compiles.cache).empty());
  CHECK(compiles.program() == without);
  const size_t kept = files_in(compiles.cache).size();
  CHECK(kept > 5);
  CHECK(compiles.program() == without);
  CHECK(files_in(compiles.cache).size() == kept);

  compiles.write(5);
  const std::string changed = compiles.program();
  CHECK(changed == compiles.program({"--no-cache"}));
  CHECK(changed != without);
  const size_t added = files_in(compiles.cache).size() - kept;
  CHECK(added > 0);
  CHECK(added < kept); // some kernels do not depend on the width
}

TEST_CASE("an entry of the cache that is damaged is made again", "[cache]") {
  Compiles compiles;
  const std::string right = compiles.program();
  int number = 0;
  for (const fs::path &file : files_in(compiles.cache)) {
    std::string bytes = test::read_text(file.string());
    if (++number % 2)
      bytes[bytes.size() / 2] ^= 0x20;
    else
      bytes.resize(bytes.size() / 2);
    test::write_text(file.string(), bytes);
  }
  CHECK(compiles.program() == right);
  CHECK(compiles.program() == right);
}

TEST_CASE("compiles at once share a cache", "[cache]") {
  Compiles compiles;
  const std::string right = compiles.program({"--no-cache"});
  for (int round = 0; round < 2; ++round) {
    std::vector<std::future<std::string>> programs;
    for (int i = 0; i < 4; ++i)
      programs.push_back(std::async(std::launch::async, [&, i] { return compiles.program({}, "net" + std::to_string(i)); }));
    for (auto &program : programs) CHECK(program.get() == right);
  }
  for (const fs::path &file : files_in(compiles.cache)) CHECK(file.filename().string().size() == 32); // no temporary file is left
}

TEST_CASE("a cache that cannot be written is no error", "[cache]") {
  Compiles compiles;
  const std::string right = compiles.program({"--no-cache"});
  test::write_text(compiles.cache.string(), "a file, where the folder would be");
  CHECK(compiles.program() == right);
  fs::remove(compiles.cache);
  fs::create_directories(compiles.cache / "nnc");
  fs::permissions(compiles.cache / "nnc", fs::perms::owner_read | fs::perms::owner_exec);
  CHECK(compiles.program() == right);
  fs::permissions(compiles.cache / "nnc", fs::perms::owner_all);
  compiles.cache = "relative";
  CHECK(compiles.program() == right);
  CHECK_FALSE(fs::exists("relative"));
}
