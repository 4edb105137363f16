#pragma once
// Numbers of compile time: exact ratios of 64-bit integers as long as they fit, f64 beyond that and behind irrational functions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nnc::frontend {

class Number {
public:
  Number() = default;
  Number(int64_t integer) : numerator_(integer) {}
  static Number real(double value);                            // exact where it is a whole number below 2^53
  static Number ratio(int64_t numerator, int64_t denominator); // denominator > 0
  /// A literal: `128`, `0.5`, `1e-3`, and with `percent` a hundredth of it.
  static Number parse(std::string_view digits, bool percent = false);

  bool exact() const { return exact_; }
  /// The whole number that it is, if it is one.
  std::optional<int64_t> integer() const;
  double value() const;
  /// As it is written: `12`, `12.5`, `1/3`, `inf`.
  std::string text() const;

  Number operator-() const;
  friend Number operator+(const Number &, const Number &);
  friend Number operator-(const Number &, const Number &);
  friend Number operator*(const Number &, const Number &);
  friend Number operator/(const Number &, const Number &); // by zero: as in f64
  friend bool operator==(const Number &, const Number &);
  friend bool operator<(const Number &, const Number &);
  friend Number floor(const Number &);

private:
  bool exact_ = true;
  int64_t numerator_ = 0, denominator_ = 1; // in lowest terms, where exact
  double real_ = 0;
};

Number floor(const Number &);
Number power(const Number &base, const Number &exponent);
Number ceil(const Number &);

} // namespace nnc::frontend
