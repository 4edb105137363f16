// Right programs of the kinds that people write, in programs/: each compiles and trains to the cost on its first line, as in
//   # expect cost below 0.25

#include "tests/command.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <sstream>

using namespace nnc::test;

namespace {

const std::string promise = "# expect cost below ";

std::vector<std::filesystem::path> all_programs() {
  std::vector<std::filesystem::path> programs;
  for (const auto &entry : std::filesystem::directory_iterator(std::filesystem::path(NNC_SOURCE_DIR) / "tests" / "programs"))
    if (entry.path().extension() == ".nn") programs.push_back(entry.path());
  std::sort(programs.begin(), programs.end());
  return programs;
}

/// The cost in the last `epoch` event of a log; infinite where there is none.
double final_cost(const std::string &log) {
  double cost = INFINITY;
  std::istringstream lines(read_text(log));
  for (std::string line; std::getline(lines, line);) {
    const auto event = nlohmann::json::parse(line);
    if (event.at("event") == "epoch") cost = event.at("cost").get<double>();
  }
  return cost;
}

} // namespace

TEST_CASE("programs train to the cost that they promise", "[programs]") {
  for (const auto &program : all_programs()) {
    const std::string text = read_text(program.string());
    REQUIRE(text.starts_with(promise));
    const double bound = std::stod(text.substr(promise.size()));

    TemporaryFolder folder;
    const std::string log = folder / "log.jsonl";
    const Outcome outcome = run_command({NNC_BINARY, "run", program.string(), "--", "--quiet", "--log", log}, folder, 120);
    INFO(program.filename().string() << "\n" << outcome.error << outcome.out);
    CHECK(outcome.signal == 0);
    CHECK(outcome.code == 0);
    if (outcome.code == 0) CHECK(final_cost(log) < bound);
  }
}
