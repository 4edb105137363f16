#pragma once
// What the micro-benchmarks measure: functions in the language, at sizes of their own.

#include <cstdint>
#include <string>
#include <vector>

namespace nnc::bench {

struct Argument {
  std::string name;
  std::vector<int64_t> shape;
};

struct Case {
  std::string name; // family/size×size…
  std::string text; // declares `fn run` with formals of fixed shapes
  std::vector<Argument> arguments;
  double operations = 0; // of products, two a multiply-add; 0: none that count
  double bytes = 0;      // each argument read once and each result written once, where that is what bounds it; 0: it is not
};

std::vector<Case> cases();

} // namespace nnc::bench
