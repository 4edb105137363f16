#include "frontend/number.h"

#include <charconv>
#include <cmath>
#include <fast_float/fast_float.h>
#include <fmt/format.h>
#include <limits>
#include <numeric>

namespace nnc::frontend {
namespace {

using Wide = __int128; // products of two 64-bit integers and their sums fit

/// numerator / denominator in lowest terms where both fit 64 bits, else its f64.
Number reduced(Wide numerator, Wide denominator) {
  constexpr Wide limit = std::numeric_limits<int64_t>::max();
  Wide a = numerator < 0 ? -numerator : numerator, b = denominator;
  while (b != 0) {
    const Wide rest = a % b;
    a = b;
    b = rest;
  }
  if (a > 1) {
    numerator /= a;
    denominator /= a;
  }
  if (numerator > limit || numerator < -limit || denominator > limit)
    return Number::real(static_cast<double>(numerator) / static_cast<double>(denominator));
  return Number::ratio(static_cast<int64_t>(numerator), static_cast<int64_t>(denominator));
}

} // namespace

Number Number::real(double value) {
  constexpr double whole_limit = 9007199254740992.0; // 2^53
  Number result;
  if (std::trunc(value) == value && std::fabs(value) < whole_limit && !(value == 0 && std::signbit(value))) {
    result.numerator_ = static_cast<int64_t>(value);
  } else {
    result.exact_ = false;
    result.real_ = value;
  }
  return result;
}

Number Number::ratio(int64_t numerator, int64_t denominator) {
  const int64_t common = std::gcd(numerator, denominator);
  Number result;
  result.numerator_ = common > 1 ? numerator / common : numerator;
  result.denominator_ = common > 1 ? denominator / common : denominator;
  return result;
}

Number Number::parse(std::string_view digits, bool percent) {
  std::string plain;
  for (char c : digits)
    if (c != '_') plain += c;
  // The digits without their point as an integer, and the power of ten that remains.
  constexpr Wide limit = std::numeric_limits<int64_t>::max();
  Wide mantissa = 0;
  int exponent = percent ? -2 : 0;
  bool fits = true, fraction = false;
  size_t at = 0;
  for (; at < plain.size() && plain[at] != 'e' && plain[at] != 'E'; ++at) {
    if (plain[at] == '.') {
      fraction = true;
      continue;
    }
    mantissa = mantissa * 10 + (plain[at] - '0');
    if (mantissa > limit) {
      fits = false;
      break;
    }
    if (fraction) --exponent;
  }
  if (fits && at < plain.size()) {
    int written = 0;
    const char *begin = plain.data() + at + 1, *end = plain.data() + plain.size();
    if (begin < end && *begin == '+') ++begin;
    const auto [rest, error] = std::from_chars(begin, end, written);
    fits = error == std::errc() && written > -64 && written < 64;
    exponent += fits ? written : 0;
  }
  Wide denominator = 1;
  for (; fits && exponent > 0; --exponent) fits = (mantissa *= 10) <= limit;
  for (; fits && exponent < 0; ++exponent) fits = (denominator *= 10) <= limit;
  if (fits) return reduced(mantissa, denominator);

  double value = 0;
  fast_float::from_chars(plain.data(), plain.data() + plain.size(), value); // out of range: 0 or infinity
  return real(percent ? value / 100 : value);
}

std::optional<int64_t> Number::integer() const {
  if (exact_ && denominator_ == 1) return numerator_;
  return std::nullopt;
}

double Number::value() const { return exact_ ? static_cast<double>(numerator_) / static_cast<double>(denominator_) : real_; }

std::string Number::text() const {
  if (integer()) return fmt::format("{}", numerator_);
  // A ratio whose denominator divides a power of ten ends after its digits; others are clearer as a ratio.
  int64_t rest = denominator_;
  for (int64_t prime : {2, 5})
    while (rest % prime == 0) rest /= prime;
  if (exact_ && rest != 1) return fmt::format("{}/{}", numerator_, denominator_);
  return fmt::format("{}", value());
}

Number Number::operator-() const {
  Number result = *this;
  result.numerator_ = -numerator_; // never the least integer: see reduced
  result.real_ = -real_;
  return result;
}

Number operator+(const Number &a, const Number &b) {
  if (!a.exact_ || !b.exact_) return Number::real(a.value() + b.value());
  return reduced(Wide(a.numerator_) * b.denominator_ + Wide(b.numerator_) * a.denominator_,
                 Wide(a.denominator_) * b.denominator_);
}

Number operator-(const Number &a, const Number &b) { return a + -b; }

Number operator*(const Number &a, const Number &b) {
  if (!a.exact_ || !b.exact_) return Number::real(a.value() * b.value());
  return reduced(Wide(a.numerator_) * b.numerator_, Wide(a.denominator_) * b.denominator_);
}

Number operator/(const Number &a, const Number &b) {
  if (!a.exact_ || !b.exact_ || b.numerator_ == 0) return Number::real(a.value() / b.value());
  const Wide sign = b.numerator_ < 0 ? -1 : 1;
  return reduced(sign * a.numerator_ * b.denominator_, sign * b.numerator_ * a.denominator_);
}

bool operator==(const Number &a, const Number &b) {
  if (a.exact_ && b.exact_) return a.numerator_ == b.numerator_ && a.denominator_ == b.denominator_;
  return a.value() == b.value();
}

bool operator<(const Number &a, const Number &b) {
  if (a.exact_ && b.exact_) return Wide(a.numerator_) * b.denominator_ < Wide(b.numerator_) * a.denominator_;
  return a.value() < b.value();
}

Number power(const Number &base, const Number &exponent) {
  const std::optional<int64_t> times = exponent.integer();
  if (!base.exact() || !times || std::abs(*times) > 1024) return Number::real(std::pow(base.value(), exponent.value()));
  Number result = 1;
  for (int64_t i = 0; i < std::abs(*times); ++i) result = result * base;
  return *times < 0 ? Number(1) / result : result;
}

Number floor(const Number &number) {
  if (!number.exact_) return Number::real(std::floor(number.real_));
  const int64_t quotient = number.numerator_ / number.denominator_; // towards zero
  return quotient - (number.numerator_ % number.denominator_ < 0 ? 1 : 0);
}

Number ceil(const Number &number) { return -floor(-number); }

} // namespace nnc::frontend
