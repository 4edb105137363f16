#pragma once
// What the command line of the training program says.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace nnc::runtime {

enum class Command { train, eval, predict, info };
enum class ShowProgress { automatic, always, never };

struct Options {
  Command command = Command::train;
  std::optional<int64_t> epochs, steps, batch, count;
  std::optional<uint64_t> seed;
  std::optional<bool> shuffle;
  int threads = 1;
  std::map<std::string, std::string> data; // NAME=PATH
  std::map<std::string, double> settings;  // NAME=VALUE
  std::string save, load, log;             // empty: not given
  int64_t log_every = 0;
  bool quiet = false, profile = false;
  ShowProgress progress = ShowProgress::automatic;
  std::string in, out;
};

/// Parses the arguments behind the program's name. Returns the exit code instead where they ask for help (which it prints) or are
/// wrong (it says how).
std::variant<Options, int> parse_options(std::vector<std::string> args);

} // namespace nnc::runtime
