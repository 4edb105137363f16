// The inner loops of matrix products keep their tiles in registers: as assembly, none of them has a spill.

#include "tests/command.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <sstream>

using namespace nnc;
using test::run_command;

namespace {

/// A network whose products have the transpositions of forward, data and weights; 32 and more of each extent.
const char *const model = R"nn(
model Net {
  hidden = Dense(256, 512)
  output = Dense(512, 64)
  fn (x: real[256]) -> real[64] = x |> hidden |> relu |> output
}
data pairs {
  x: real[256] = csv("x.csv")
  y: real[64] = csv("y.csv")
}
train {
  net      = Net()
  data     pairs
  minimize squared_error(net(x), y)
  using    adam(rate = 1e-3)
  batch    128
}
)nn";

struct Loop {
  std::string function;
  std::vector<std::string> code;
  bool multiplies() const {
    return std::any_of(code.begin(), code.end(),
                       [](const std::string &line) { return line.find("vfmadd") != std::string::npos; });
  }
  /// Of values that had no register; a packed panel on the stack is read with an index.
  size_t spills() const {
    return static_cast<size_t>(std::count_if(code.begin(), code.end(),
                                             [](const std::string &line) { return line.find("(%rsp)") != std::string::npos; }));
  }
};

/// The innermost loops of kernels of contractions: from a label to a jump back to it, without another such jump between.
std::vector<Loop> innermost_loops(const std::string &assembly) {
  std::vector<Loop> loops;
  std::string function;
  std::vector<std::string> code;
  std::map<std::string, size_t> labels; // of the function, by the number of the line behind
  size_t last_end = 0;
  std::istringstream lines(assembly);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    const std::string name = line.substr(0, line.find(':'));
    if (name.size() < line.size() && line[0] != '\t' && line[0] != ' ') {
      if (name.starts_with("nnc_")) function = name, code.clear(), labels.clear(), last_end = 0;
      labels[name] = code.size();
      continue;
    }
    code.push_back(line);
    const size_t target = line.find(".LBB");
    if (line.find("\tj") == std::string::npos || target == std::string::npos || !function.ends_with("_contraction")) continue;
    const auto label = labels.find(line.substr(target));
    if (label == labels.end() || label->second < last_end) continue;
    loops.push_back({function, {code.begin() + static_cast<std::ptrdiff_t>(label->second), code.end()}});
    last_end = code.size();
  }
  return loops;
}

} // namespace

TEST_CASE("inner loops of matrix products do not spill", "[spill]") {
  test::TemporaryFolder folder;
  test::write_text(folder / "net.nn", model);
  auto row = [](int columns) {
    std::string text = "0";
    for (int i = 1; i < columns; ++i) text += ",0";
    return text + "\n";
  };
  test::write_text(folder / "x.csv", row(256)), test::write_text(folder / "y.csv", row(64));
  for (const std::string cpu : {"x86-64-v3", "x86-64-v4"}) {
    INFO(cpu);
    const auto outcome = run_command({NNC_BINARY, folder / "net.nn", "--emit=asm", "--cpu", cpu}, folder);
    INFO(outcome.error);
    REQUIRE(outcome.code == 0);
    size_t products = 0;
    for (const Loop &loop : innermost_loops(outcome.out)) {
      if (!loop.multiplies()) continue;
      ++products;
      std::string text;
      for (const std::string &line : loop.code) text += line + "\n";
      INFO(loop.function << "\n" << text);
      CHECK(loop.spills() == 0);
    }
    CHECK(products > 4);
  }
}
