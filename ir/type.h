#pragma once
// Types of the IR: an element and extents. An extent is a constant or a constant times B, the number of examples of a
// mini-batch, which is not known when compiling.

#include <cstdint>
#include <string>
#include <vector>

namespace nnc::ir {

/// `boolean` is 0 or 1. u8 occurs in data only and is converted before arithmetic. i32 wraps; indices are i32.
enum class Elem : uint8_t { boolean, u8, i32, f32, f64 };

const char *name(Elem); // bool u8 i32 f32 f64
int bytes(Elem);
inline bool is_float(Elem e) { return e == Elem::f32 || e == Elem::f64; }

/// `count`, or `count`·B where `batch` is set.
struct Extent {
  int64_t count = 1;
  bool batch = false;

  bool operator==(const Extent &) const = default;
  int64_t at(int64_t examples) const { return batch ? count * examples : count; }
};

using Shape = std::vector<Extent>;

/// Where what a mini-batch costs is weighed before its size is known, it is taken to be of so many examples.
constexpr int64_t usual_examples = 64;
/// How many elements a tensor has in such a mini-batch: as f64, since products of extents may be beyond any integer.
double usual_elements(const Shape &);

/// A tensor's type; or that of several results together (`parts`, then elem and dims mean nothing), which `part` takes apart.
struct Type {
  Elem elem = Elem::f32;
  Shape dims;
  std::vector<Type> parts = {};

  bool is_tuple() const { return !parts.empty(); }
  bool operator==(const Type &) const = default;
  int rank() const { return static_cast<int>(dims.size()); }
};

/// `f32[B,784]`, `f32[3B,4]`, `i32[]`, `(f32[4], f32[10,4])`.
std::string to_string(const Type &);
std::string to_string(const Shape &);
std::string to_string(const Extent &);

/// Product of extents as count and power of B; false where the count does not fit 63 bits.
struct Count {
  int64_t count = 1;
  int power = 0; // of B
  bool operator==(const Count &) const = default;
};
bool product(const Shape &, Count &result);

} // namespace nnc::ir
