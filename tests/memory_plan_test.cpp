// The memory that `nnc check` says a program takes is what it takes.

#include "tests/command.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <sstream>

using namespace nnc;
using test::run_command;

namespace {

struct Memory {
  int64_t planned = 0, peak = 0; // bytes
};

Memory memory_of(const std::string &model, const test::TemporaryFolder &folder) {
  test::write_text(folder / "net.nn", model);
  Memory memory;
  const auto check = run_command({NNC_BINARY, "check", folder / "net.nn"}, folder);
  INFO(check.error << check.out);
  REQUIRE(check.code == 0);
  std::istringstream lines(check.out);
  for (std::string line; std::getline(lines, line);) {
    std::erase(line, ',');
    std::istringstream words(line);
    std::string what;
    words >> what;
    if (what == "total") words >> memory.planned;
  }
  const auto made = run_command({NNC_BINARY, folder / "net.nn", "-o", folder / "net"}, folder);
  REQUIRE(made.code == 0);
  const auto trained = run_command({folder / "net", "--quiet", "--threads", "1", "--log", folder / "log.jsonl"}, folder);
  INFO(trained.error);
  REQUIRE(trained.code == 0);
  std::istringstream events(test::read_text(folder / "log.jsonl"));
  for (std::string line; std::getline(events, line);) {
    const auto event = nlohmann::json::parse(line);
    if (event.at("event") == "end") memory.peak = event.at("peak_bytes").get<int64_t>();
  }
  return memory;
}

/// Within 5%, and half a MiB, by which the process itself differs from machine to machine.
void check_plan(const Memory &memory) {
  INFO("planned " << memory.planned << ", peak " << memory.peak);
  CHECK(std::abs(static_cast<double>(memory.planned - memory.peak)) < 0.05 * static_cast<double>(memory.peak) + (1 << 19));
}

} // namespace

TEST_CASE("the memory plan of images in a csv file is what training takes", "[memory]") {
  test::TemporaryFolder folder;
  std::string row = "3", table;
  for (int i = 0; i < 64; ++i) row += "," + std::to_string(i % 16);
  for (int i = 0; i < 20000; ++i) table += row + "\n";
  test::write_text(folder / "table.csv", table);
  check_plan(memory_of(R"nn(
model Net {
  hidden = Dense(64, 256)
  output = Dense(256, 10)
  fn (x: real[64]) -> real[10] = x |> hidden |> relu |> output
}
data digits {
  table = csv("table.csv")
  label: index(10) = table[0]
  image: real[64]  = table[1..65]
}
train {
  net = Net()
  data digits
  minimize cross_entropy(net(image), label)
  using adam(rate = 1e-3)
  validate 20%
  batch 2000
  epochs 2
}
)nn",
                       folder));
}

TEST_CASE("the memory plan of windows of a text is what training takes", "[memory]") {
  test::TemporaryFolder folder;
  std::string text;
  for (int64_t i = 0; i < 1'000'000; ++i) text += static_cast<char>('a' + i * i % 17);
  test::write_text(folder / "text.txt", text);
  check_plan(memory_of(R"nn(
let corpus = chars("text.txt")
model Net {
  embed = Embedding(corpus.size, 64)
  output = Dense(64, corpus.size)
  fn (text: index(corpus.size)[t]) -> real[t, corpus.size] = text |> embed |> output
}
data letters {
  text: index(corpus.size)[33] = windows(corpus, 33)
}
train {
  net = Net()
  data letters
  logits = net(text[0..32])
  minimize mean(cross_entropy(logits, text[1..33]))
  using adam(rate = 1e-3)
  batch 256
  steps 20
}
)nn",
                       folder));
}
