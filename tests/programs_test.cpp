// Right programs of the kinds that people write, in programs/: each compiles and trains to the cost on its first line, as in
//   # expect cost below 0.25

#include "tests/command.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <sstream>
#include <thread>

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

struct Trained {
  Outcome outcome;
  double cost = INFINITY;
};

Trained train(const std::filesystem::path &program) {
  TemporaryFolder folder;
  const std::string log = folder / "log.jsonl";
  Trained result;
  result.outcome = run_command(
      {NNC_BINARY, "run", "--cpu", test_cpu(), program.string(), "--", "--quiet", "--threads", "1", "--log", log}, folder, 120);
  if (result.outcome.code == 0) result.cost = final_cost(log);
  return result;
}

} // namespace

TEST_CASE("programs train to the cost that they promise", "[programs]") {
  const auto programs = all_programs();
  std::vector<Trained> trained(programs.size());
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i; (i = next++) < programs.size();) trained[i] = train(programs[i]);
  };
  std::vector<std::jthread> workers(std::max(std::thread::hardware_concurrency(), 1u));
  for (std::jthread &worker : workers) worker = std::jthread(work);
  workers.clear();

  for (size_t i = 0; i < programs.size(); ++i) {
    const std::string text = read_text(programs[i].string());
    REQUIRE(text.starts_with(promise));
    const auto &[outcome, cost] = trained[i];
    INFO(programs[i].filename().string() << "\n" << outcome.error << outcome.out);
    CHECK(outcome.signal == 0);
    CHECK(outcome.code == 0);
    CHECK(cost < std::stod(text.substr(promise.size())));
  }
}
