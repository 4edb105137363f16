#pragma once
// How the training program fails: an exit code and one sentence that names what was found, where, and what to do.

#include <fmt/format.h>
#include <stdexcept>
#include <string>

namespace nnc::runtime {

enum Exit : int {
  exit_done = 0,
  exit_input = 1,      // data or a file at fault
  exit_usage = 2,      // wrong options
  exit_not_finite = 3, // a cost is not finite
  exit_defect = 70     // a defect of nnc's own
};

class Error : public std::runtime_error {
public:
  Error(int code, const std::string &message) : std::runtime_error(message), code(code) {}
  int code;
};

/// Data or a file is at fault.
template <class... T> [[noreturn]] void fail(fmt::format_string<T...> format, T &&...values) {
  throw Error(exit_input, fmt::format(format, std::forward<T>(values)...));
}

/// The command line is at fault.
template <class... T> [[noreturn]] void refuse(fmt::format_string<T...> format, T &&...values) {
  throw Error(exit_usage, fmt::format(format, std::forward<T>(values)...));
}

/// `text` for a message: at most 40 bytes, control characters and what is not UTF-8 as `?`.
std::string shown(std::string_view text);

} // namespace nnc::runtime
