// The programs of docs/tutorial.md, in examples/tutorial/: the page quotes each one whole, and each one's cost falls.

#include "tests/command.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <numeric>
#include <sstream>

using namespace nnc::test;

namespace {

const std::filesystem::path root = NNC_SOURCE_DIR;

std::vector<std::filesystem::path> all_steps() {
  std::vector<std::filesystem::path> steps;
  for (const auto &entry : std::filesystem::directory_iterator(root / "examples" / "tutorial"))
    if (entry.path().extension() == ".nn") steps.push_back(entry.path());
  std::sort(steps.begin(), steps.end());
  return steps;
}

/// The cost of every training step, from the `step` events of a log.
std::vector<double> costs(const std::string &log) {
  std::vector<double> costs;
  std::istringstream lines(read_text(log));
  for (std::string line; std::getline(lines, line);) {
    const auto event = nlohmann::json::parse(line);
    if (event.at("event") == "step") costs.push_back(event.at("cost").get<double>());
  }
  return costs;
}

/// Of a few costs one after the other: that of one mini-batch tells little.
double mean(std::vector<double>::const_iterator from, std::ptrdiff_t count) {
  return std::accumulate(from, from + count, 0.0) / static_cast<double>(count);
}

} // namespace

TEST_CASE("the tutorial quotes its programs whole", "[docs]") {
  const std::string page = read_text((root / "docs" / "tutorial.md").string());
  size_t place = 0;
  for (const auto &step : all_steps()) {
    INFO(step.filename().string());
    const size_t found = page.find("```nn\n" + read_text(step.string()) + "```\n");
    REQUIRE(found != std::string::npos);
    CHECK(found >= place); // in the order of their numbers
    place = found;
  }
}

TEST_CASE("the programs of the tutorial train", "[programs]") {
  constexpr std::ptrdiff_t few = 8;
  for (const auto &step : all_steps()) {
    TemporaryFolder folder;
    const std::string log = folder / "log.jsonl";
    const Outcome outcome = run_command(
        {NNC_BINARY, "run", step.string(), "--", "--quiet", "--steps", "48", "--log", log, "--log-every", "1"}, folder, 120);
    INFO(step.filename().string() << "\n" << outcome.error << outcome.out);
    REQUIRE(outcome.code == 0);
    const std::vector<double> all = costs(log);
    REQUIRE(all.size() == 48);
    CHECK(mean(all.end() - few, few) < 0.99 * mean(all.begin(), few));
  }
}
