#include "runtime/element.h"

#include "runtime/error.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

namespace nnc::runtime {
namespace {

constexpr struct {
  Element element;
  const char *name;
  int64_t bytes;
  Stored natural;
} table[] = {
    {Element::boolean, "bool", 1, Stored::u8}, {Element::u8, "u8", 1, Stored::u8},      {Element::i8, "i8", 1, Stored::i32},
    {Element::u16, "u16", 2, Stored::i32},     {Element::i16, "i16", 2, Stored::i32},   {Element::u32, "u32", 4, Stored::f64},
    {Element::i32, "i32", 4, Stored::i32},     {Element::u64, "u64", 8, Stored::f64},   {Element::i64, "i64", 8, Stored::f64},
    {Element::f16, "f16", 2, Stored::f32},     {Element::bf16, "bf16", 2, Stored::f32}, {Element::f32, "f32", 4, Stored::f32},
    {Element::f64, "f64", 8, Stored::f64}};

/// The bits of numbers that are computed with as f32, which holds all their values.
struct Half { // IEEE 754 binary16: a sign, 5 bits of exponent, 10 of fraction
  uint16_t bits;
};
struct Brain { // bfloat16: the upper half of an f32
  uint16_t bits;
};

float decoded(Half half) {
  const int exponent = half.bits >> 10 & 0x1f, fraction = half.bits & 0x3ff;
  const float magnitude = exponent == 0x1f ? (fraction ? NAN : INFINITY)
                          : exponent == 0  ? std::ldexp(static_cast<float>(fraction), -24)
                                           : std::ldexp(static_cast<float>(fraction | 0x400), exponent - 25);
  return half.bits & 0x8000 ? -magnitude : magnitude;
}
float decoded(Brain brain) { return std::bit_cast<float>(static_cast<uint32_t>(brain.bits) << 16); }
template <class T> T decoded(T value) { return value; }

template <class T> T load(const unsigned char *from, bool swapped) {
  unsigned char bytes[sizeof(T)];
  std::memcpy(bytes, from, sizeof(T));
  if (swapped) std::reverse(bytes, bytes + sizeof(T));
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

/// Why `value` has no place in To; empty where it has one.
template <class From, class To> std::string misfit_reason(From value) {
  double shown = static_cast<double>(value);
  if constexpr (std::is_floating_point_v<From>)
    if (!std::isfinite(value)) return fmt::format("{} is not a finite number", shown);
  if constexpr (std::is_integral_v<To>) {
    if constexpr (std::is_floating_point_v<From>)
      if (value != std::trunc(value)) return fmt::format("{} is not a whole number", shown);
    return fmt::format("{} is not in {} to {}", value, +std::numeric_limits<To>::min(), +std::numeric_limits<To>::max());
  } else {
    if constexpr (std::is_integral_v<From>) return fmt::format("{} is not exact in {} bits", value, sizeof(To) * 8);
    return fmt::format("{} is too large for {} bits", shown, sizeof(To) * 8);
  }
}

template <class From, class To> bool fits(From value) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) { // both bounds are exact in From or just beyond it
    return value >= static_cast<From>(std::numeric_limits<To>::min()) &&
           static_cast<double>(value) <= static_cast<double>(std::numeric_limits<To>::max()) && value == std::trunc(value);
  } else if constexpr (std::is_floating_point_v<From>) {
    return std::isfinite(static_cast<To>(value));
  } else if constexpr (std::is_integral_v<To>) {
    return std::in_range<To>(value);
  } else { // 2^64 and 2^63 are what the largest whole numbers round to: those are not exact either
    To rounded = static_cast<To>(value);
    if (rounded >= std::ldexp(To(1), std::numeric_limits<From>::digits)) return false;
    return static_cast<From>(rounded) == value;
  }
}

/// Whether both are floats, and the value is infinite or not a number already.
template <class From, class To> bool is_not_finite(From value) {
  if constexpr (std::is_floating_point_v<From> && std::is_floating_point_v<To>) return !std::isfinite(value);
  return false;
}

template <class From, class To>
std::optional<Misfit> convert_all(const unsigned char *from, bool swapped, int64_t count, To *out, NotFinite not_finite) {
  for (int64_t i = 0; i < count; i++) {
    const auto value = decoded(load<From>(from + i * static_cast<int64_t>(sizeof(From)), swapped));
    using Value = std::remove_const_t<decltype(value)>;
    if (!fits<Value, To>(value) && !(not_finite == NotFinite::taken && is_not_finite<Value, To>(value)))
      return Misfit{i, misfit_reason<Value, To>(value)};
    out[i] = static_cast<To>(value);
  }
  return std::nullopt;
}

template <class From>
std::optional<Misfit> convert_from(const unsigned char *from, bool swapped, int64_t count, Stored to, void *out,
                                   NotFinite not_finite) {
  switch (to) {
  case Stored::u8:
    if constexpr (std::is_same_v<From, uint8_t>) { // nothing to check
      if (from != out) std::memcpy(out, from, static_cast<size_t>(count));
      return std::nullopt;
    }
    return convert_all<From>(from, swapped, count, static_cast<uint8_t *>(out), not_finite);
  case Stored::i32: return convert_all<From>(from, swapped, count, static_cast<int32_t *>(out), not_finite);
  case Stored::f32: return convert_all<From>(from, swapped, count, static_cast<float *>(out), not_finite);
  case Stored::f64: return convert_all<From>(from, swapped, count, static_cast<double *>(out), not_finite);
  }
  __builtin_unreachable();
}

} // namespace

int64_t element_bytes(Element element) { return table[static_cast<size_t>(element)].bytes; }
const char *element_name(Element element) { return table[static_cast<size_t>(element)].name; }
Stored natural_stored(Element element) { return table[static_cast<size_t>(element)].natural; }

Element element_of(Stored stored) {
  switch (stored) {
  case Stored::u8: return Element::u8;
  case Stored::i32: return Element::i32;
  case Stored::f32: return Element::f32;
  case Stored::f64: return Element::f64;
  }
  __builtin_unreachable();
}

std::optional<Misfit> convert(const void *from, Element element, bool swapped, int64_t count, Stored to, void *out,
                              NotFinite not_finite) {
  auto bytes = static_cast<const unsigned char *>(from);
  switch (element) {
  case Element::boolean:
    for (int64_t i = 0; i < count; i++)
      if (bytes[i] > 1) return Misfit{i, fmt::format("{} is not a truth value, 0 or 1", bytes[i])};
    return convert_from<uint8_t>(bytes, swapped, count, to, out, not_finite);
  case Element::u8: return convert_from<uint8_t>(bytes, swapped, count, to, out, not_finite);
  case Element::i8: return convert_from<int8_t>(bytes, swapped, count, to, out, not_finite);
  case Element::u16: return convert_from<uint16_t>(bytes, swapped, count, to, out, not_finite);
  case Element::i16: return convert_from<int16_t>(bytes, swapped, count, to, out, not_finite);
  case Element::u32: return convert_from<uint32_t>(bytes, swapped, count, to, out, not_finite);
  case Element::i32: return convert_from<int32_t>(bytes, swapped, count, to, out, not_finite);
  case Element::u64: return convert_from<uint64_t>(bytes, swapped, count, to, out, not_finite);
  case Element::i64: return convert_from<int64_t>(bytes, swapped, count, to, out, not_finite);
  case Element::f16: return convert_from<Half>(bytes, swapped, count, to, out, not_finite);
  case Element::bf16: return convert_from<Brain>(bytes, swapped, count, to, out, not_finite);
  case Element::f32: return convert_from<float>(bytes, swapped, count, to, out, not_finite);
  case Element::f64: return convert_from<double>(bytes, swapped, count, to, out, not_finite);
  }
  __builtin_unreachable();
}

std::string number_text(double value) {
  if (value == std::trunc(value) && std::abs(value) < 1e15) return fmt::format("{}", static_cast<int64_t>(value));
  return fmt::format("{}", value);
}

} // namespace nnc::runtime
