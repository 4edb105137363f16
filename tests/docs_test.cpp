// The examples of the documentation: every block fenced ```nn is a file that `nnc check` accepts; every block fenced ```nn-error is one that it
// refuses, with the first line of the block fenced ```text behind it, `name.nn:line:column: error: …`.

#include "tests/command.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <regex>
#include <sstream>

using namespace nnc::test;

namespace {

/// What stands between two fences.
struct Block {
  std::string language; // behind the opening fence
  std::string text;
  int line = 0; // of the opening fence, from 1
};

constexpr std::string_view fence = "```";

std::vector<Block> blocks_of(const std::string &path) {
  std::vector<Block> blocks;
  std::istringstream lines(read_text(path));
  bool inside = false;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.starts_with(fence)) {
      inside = !inside;
      if (inside) blocks.push_back({line.substr(fence.size()), "", number});
    } else if (inside) {
      blocks.back().text += line + "\n";
    }
  }
  INFO(path << " has a block that is never closed");
  CHECK_FALSE(inside);
  return blocks;
}

/// README.md and all of docs/ with its folders, sorted.
std::vector<std::filesystem::path> documents() {
  const std::filesystem::path root = NNC_SOURCE_DIR;
  std::vector<std::filesystem::path> found = {root / "README.md"};
  for (const auto &entry : std::filesystem::recursive_directory_iterator(root / "docs"))
    if (entry.path().extension() == ".md") found.push_back(entry.path());
  std::sort(found.begin() + 1, found.end());
  return found;
}

/// A block that begins with `# NAME.nn` is the file NAME.nn, which blocks behind it can import.
std::string file_of(const Block &block) {
  const std::string head = block.text.substr(0, block.text.find('\n'));
  const size_t end = head.find(".nn");
  if (!head.starts_with("# ") || end == std::string::npos || head.find(' ', 2) < end) return "example.nn";
  return head.substr(2, end + 1);
}

/// The data lies at `data/` and at `../data/` of the file, as for the programs of examples/ and of its folders.
Outcome check(const Block &block, const std::string &file, const TemporaryFolder &folder) {
  write_text(folder / ("files/" + file), block.text);
  return run_command({NNC_BINARY, "check", "--color=never", "files/" + file}, folder, 20);
}

void accepts(const Block &block, const TemporaryFolder &folder) {
  const Outcome outcome = check(block, file_of(block), folder);
  INFO("nnc check says\n" << outcome.error << outcome.out);
  CHECK(outcome.signal == 0);
  CHECK(outcome.code == 0);
}

/// `said` begins with the message, which names the file.
void refuses(const Block &block, const Block &said, const TemporaryFolder &folder) {
  const std::string message = said.text.substr(0, said.text.find('\n'));
  const size_t colon = message.find(':');
  REQUIRE(colon != std::string::npos);
  const Outcome outcome = check(block, message.substr(0, colon), folder);
  INFO("expected\n" << message << "\nnnc check says\n" << outcome.error << outcome.out);
  CHECK(outcome.code == 1);
  CHECK(outcome.error.find("files/" + message + "\n") != std::string::npos);
}

} // namespace

TEST_CASE("the examples of the documentation are what they say", "[docs]") {
  TemporaryFolder folder;
  const std::filesystem::path data = std::filesystem::path(NNC_SOURCE_DIR) / "examples" / "data";
  std::filesystem::create_directory(folder / "files");
  for (const char *place : {"data", "files/data"}) std::filesystem::create_directory_symlink(data, folder / place);
  int examples = 0;
  for (const std::filesystem::path &document : documents()) {
    const std::vector<Block> blocks = blocks_of(document.string());
    for (size_t i = 0; i < blocks.size(); ++i) {
      const Block &block = blocks[i];
      INFO(document.string() << ":" << block.line);
      if (block.language == "nn") {
        accepts(block, folder);
      } else if (block.language == "nn-error") {
        REQUIRE(i + 1 < blocks.size());
        REQUIRE(blocks[i + 1].language == "text");
        refuses(block, blocks[i + 1], folder);
      } else {
        continue;
      }
      ++examples;
    }
  }
  CHECK(examples > 20);
}

TEST_CASE("the links of the documentation lead to files", "[docs]") {
  static const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))"); // no address of another place, no mark within the page
  int links = 0;
  for (const std::filesystem::path &document : documents()) {
    const std::string text = read_text(document.string());
    for (std::sregex_iterator found(text.begin(), text.end(), link), end; found != end; ++found, ++links) {
      INFO(document.string() << ": " << found->str(1));
      CHECK(std::filesystem::exists(document.parent_path() / found->str(1)));
    }
  }
  CHECK(links > 10);
}
