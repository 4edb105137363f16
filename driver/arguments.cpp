#include "driver/arguments.h"

#include "driver/compilation.h"

#include <charconv>
#include <cmath>
#include <fmt/format.h>

namespace nnc::driver {
namespace {

class ArgumentReader {
public:
  explicit ArgumentReader(const std::string &text) : text_(text) {}

  WrittenArgument read() {
    size_t equals = text_.find('=');
    if (equals == std::string::npos || equals == 0)
      throw CommandError(2, fmt::format("`{}` is no argument: it takes the form NAME=VALUE, such as x=[1, 2]", text_));
    WrittenArgument result{text_.substr(0, equals), {ir::Elem::i32, {}, {}}};
    at_ = equals + 1;
    result.value.dims = value(result.value.values, 0);
    space();
    if (at_ != text_.size()) fail("expected the end");
    result.value.elem = fraction_ ? ir::Elem::f64 : truth_ ? ir::Elem::boolean : ir::Elem::i32;
    return result;
  }

private:
  static constexpr int deepest = 16;

  [[noreturn]] void fail(const std::string &what) const {
    std::string found = at_ < text_.size() ? fmt::format("found `{}`", text_.substr(at_, 12)) : "found the end";
    throw CommandError(2, fmt::format("{} of the argument `{}`, but {}", what, text_, found));
  }

  void space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }

  std::vector<int64_t> value(std::vector<double> &values, int depth) {
    space();
    if (at_ >= text_.size() || text_[at_] != '[') {
      values.push_back(number());
      return {};
    }
    if (depth == deepest) fail("lists nest too deep at this place");
    ++at_;
    std::vector<int64_t> inner;
    int64_t count = 0;
    for (;; ++count) {
      space();
      if (at_ < text_.size() && text_[at_] == ']' && count == 0) break;
      std::vector<int64_t> dims = value(values, depth + 1);
      if (count > 0 && dims != inner)
        throw CommandError(1, fmt::format("the lists in the argument `{}` differ in length", text_));
      inner = dims;
      space();
      if (at_ < text_.size() && text_[at_] == ',') {
        ++at_;
        continue;
      }
      ++count;
      break;
    }
    if (at_ >= text_.size() || text_[at_] != ']') fail("expected `,` or `]`");
    ++at_;
    inner.insert(inner.begin(), count);
    return inner;
  }

  double number() {
    auto word = [&](std::string_view expected) {
      if (text_.compare(at_, expected.size(), expected) != 0) return false;
      at_ += expected.size();
      return true;
    };
    if (word("true")) return truth_ = true, 1;
    if (word("false")) return truth_ = true, 0;
    double result = 0;
    auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), result);
    if (error != std::errc()) fail("expected a number");
    std::string_view digits(text_.data() + at_, static_cast<size_t>(end - (text_.data() + at_)));
    if (digits.find_first_of(".eEn") != std::string_view::npos || std::fabs(result) > 2147483647.0) fraction_ = true;
    at_ += digits.size();
    return result;
  }

  const std::string &text_;
  size_t at_ = 0;
  bool fraction_ = false, truth_ = false;
};

void append(std::string &out, const ir::Array &array, size_t axis, size_t &element) {
  if (axis == array.dims.size()) {
    double value = array.values[element++];
    if (array.elem == ir::Elem::boolean)
      out += value != 0 ? "true" : "false";
    else if (array.elem == ir::Elem::f32)
      out += fmt::format("{}", static_cast<float>(value));
    else
      out += fmt::format("{}", value);
    return;
  }
  out += '[';
  for (int64_t i = 0; i < array.dims[axis]; ++i) {
    if (i > 0) out += ", ";
    append(out, array, axis + 1, element);
  }
  out += ']';
}

} // namespace

WrittenArgument parse_argument(const std::string &text) { return ArgumentReader(text).read(); }

std::string print_array(const ir::Array &array) {
  std::string out;
  size_t element = 0;
  append(out, array, 0, element);
  return out;
}

} // namespace nnc::driver
