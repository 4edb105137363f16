#pragma once
// Element types of files, and their conversion to the stored types that generated code reads.

#include "runtime/description.h"

#include <optional>
#include <string>

namespace nnc::runtime {

enum class Element { boolean, u8, i8, u16, i16, u32, i32, u64, i64, f16, bf16, f32, f64 };

int64_t element_bytes(Element);
const char *element_name(Element);

/// The smallest stored type that holds every value of the element type (u32, u64, i64: f64, and its conversion checks them).
Stored natural_stored(Element);

/// The element type of a stored type.
Element element_of(Stored);

struct Misfit {
  int64_t index;      // of the first element that does not fit
  std::string reason; // `300 is not in 0 to 255`
};

/// Converts `count` elements at `from` (any alignment, `swapped` for the other byte order) to `to` at `out`; the two may be the
/// same address where the types are equal. Whole numbers stay exact, a fraction is rounded to nearest in f32, and what does not
/// fit is returned: out of range, not whole for an integer type, not finite unless that is taken too (for a float as a float).
enum class NotFinite { refused, taken };
std::optional<Misfit> convert(const void *from, Element, bool swapped, int64_t count, Stored to, void *out,
                              NotFinite = NotFinite::refused);

/// The text of a number in the shortest form that reads back to the same bits; 3 for 3.0.
std::string number_text(double);

} // namespace nnc::runtime
