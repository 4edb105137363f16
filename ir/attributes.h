#pragma once
// What an operation knows beside its operands, as typed fields. Each struct lists its fields once in `fields`, from which
// printing, parsing, comparing and hashing are made.

#include "ir/type.h"

#include <cstdint>
#include <memory>
#include <type_traits>
#include <variant>
#include <vector>

namespace nnc::ir {

struct Function;
/// A function that an operation runs: the body of a loop, a declared adjoint. Shared by copies of the node; never changed.
using FunctionPointer = std::shared_ptr<const Function>;

struct NoAttributes {
  template <typename V> void fields(V &&) {}
};

/// `constant`: one value for every element, or all of them row-major.
struct ConstantAttributes {
  std::vector<double> values;
  template <typename V> void fields(V &&v) { v("values", values); }
};

/// `input`: number in Function::inputs.
struct InputAttributes {
  int64_t number = 0;
  template <typename V> void fields(V &&v) { v("number", number); }
};

/// `iota` (the axis that counts), `broadcast` (the result's axis of each operand axis, ascending), `transpose` (the operand's axis of each
/// result axis), `reverse` (the axes), `concatenate` (the axis).
struct AxesAttributes {
  std::vector<int64_t> axes;
  template <typename V> void fields(V &&v) { v("axes", axes); }
};

enum class ReduceKind : uint8_t { add, max, min, mul };

/// `reduce` over `axes` (ascending); `argreduce` (max or min) likewise: the number of the first of equals.
struct ReduceAttributes {
  ReduceKind kind = ReduceKind::add;
  std::vector<int64_t> axes;
  template <typename V> void fields(V &&v) {
    v("kind", kind);
    v("axes", axes);
  }
};

/// `slice`: per axis start, limit (excluded), stride > 0. An axis with extent c·B is taken whole (start 0, limit 0, stride 1 mean whole).
struct SliceAttributes {
  std::vector<int64_t> start, limit, stride;
  template <typename V> void fields(V &&v) {
    v("start", start);
    v("limit", limit);
    v("stride", stride);
  }
};

/// `pad` with zeros (false): per axis before, after, between two elements; all >= 0.
struct PadAttributes {
  std::vector<int64_t> before, after, between;
  template <typename V> void fields(V &&v) {
    v("before", before);
    v("after", after);
    v("between", between);
  }
};

/// `dot`: result axes are the batch axes, the left operand's free axes, the right operand's free axes, each in order.
struct DotAttributes {
  std::vector<int64_t> left_batch, right_batch, left_contract, right_contract;
  template <typename V> void fields(V &&v) {
    v("left_batch", left_batch);
    v("right_batch", right_batch);
    v("left_contract", left_contract);
    v("right_contract", right_contract);
  }
};

/// `gather(table[b…, n, r…], index[b…, i…]) -> [b…, i…, r…]`, `scatter_add(index[b…, i…], updates[b…, i…, r…]) -> [b…, n, r…]` with
/// `batch` axes b and `size` n.
struct GatherAttributes {
  int64_t batch = 0;
  Extent size = {0};
  template <typename V> void fields(V &&v) {
    v("batch", batch);
    v("size", size);
  }
};

/// `window(x)`: x's axis k is read at constant[k] + Σ_j coefficient[k·rank + j]·(axis j of the result), rank being that of the result. `window_add` is its
/// adjoint: the element i of its operand is added at that place for i, rank being that of the operand.
struct WindowAttributes {
  std::vector<int64_t> constant, coefficient;
  template <typename V> void fields(V &&v) {
    v("constant", constant);
    v("coefficient", coefficient);
  }
};

/// `random_bits`: the hash of the chain of (function, ordinal of the call in it), and which of Philox's four words.
struct RandomAttributes {
  uint64_t path = 0;
  int64_t word = 0;
  template <typename V> void fields(V &&v) {
    v("path", path);
    v("word", word);
  }
};

/// `scan`: operands are the initial values of what `carries` from turn to turn, then `sequences` with `turns` in front, then what is the same in every
/// turn. The body has an input for each of them (a sequence's is one row) and gives the new carried values, then what is collected; it
/// reads nothing else. `backwards`: the last row comes first.
struct ScanAttributes {
  int64_t turns = 0, carries = 0, sequences = 0;
  bool backwards = false;
  FunctionPointer body;
  template <typename V> void fields(V &&v) {
    v("turns", turns);
    v("carries", carries);
    v("sequences", sequences);
    v("backwards", backwards);
    v("body", body);
  }
};

/// `custom`: the first `results` operands are values, the others what they were computed from. `adjoint` takes those others and a gradient for each value,
/// and gives the gradient of each of those others that is a float (an output's slot is its number among them). `declared`: it need not be the derivative.
struct CustomAttributes {
  int64_t results = 1;
  bool declared = true;
  FunctionPointer adjoint;
  template <typename V> void fields(V &&v) {
    v("results", results);
    v("declared", declared);
    v("adjoint", adjoint);
  }
};

/// `part`: which of the results.
struct PartAttributes {
  int64_t number = 0;
  template <typename V> void fields(V &&v) { v("number", number); }
};

using Attributes = std::variant<NoAttributes, ConstantAttributes, InputAttributes, AxesAttributes, ReduceAttributes,
                                SliceAttributes, PadAttributes, DotAttributes, GatherAttributes, WindowAttributes,
                                RandomAttributes, ScanAttributes, CustomAttributes, PartAttributes>;

/// Calls visitor(name, field) for each field.
template <typename V> void for_fields(const Attributes &attributes, V &&visitor) {
  std::visit([&](const auto &a) { const_cast<std::remove_cvref_t<decltype(a)> &>(a).fields(visitor); },
             attributes); // `fields` serves reading, too
}
template <typename V> void for_fields(Attributes &attributes, V &&visitor) {
  std::visit([&](auto &a) { a.fields(visitor); }, attributes);
}

/// The function that the operation runs, if it runs one.
template <typename A> auto *function_of(A &attributes) {
  using Result = std::conditional_t<std::is_const_v<A>, const FunctionPointer, FunctionPointer>;
  if (auto *scan = std::get_if<ScanAttributes>(&attributes)) return static_cast<Result *>(&scan->body);
  if (auto *custom = std::get_if<CustomAttributes>(&attributes)) return static_cast<Result *>(&custom->adjoint);
  return static_cast<Result *>(nullptr);
}

/// Functions are equal by what they hold, places apart.
bool equal(const Attributes &, const Attributes &);
uint64_t hash(const Attributes &);

} // namespace nnc::ir
