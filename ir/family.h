#pragma once
// What the files of the families share: the declarations of all records, small helpers for shape rules, batching rules, the reference
// evaluator and samples.

#include "ir/op.h"

#include <fmt/format.h>

// A fact that a record leaves out does not compile.
#pragma GCC diagnostic error "-Wmissing-field-initializers"

namespace nnc::ir {

namespace records {
#define NNC_OP(name) extern const OpRecord name;
#include "ir/ops.def"
} // namespace records

template <typename T> Attributes any() { return T{}; }

// Shape rules.

template <typename... A> Type fail(std::string &error, fmt::format_string<A...> text, A &&...arguments) {
  error = fmt::format(text, std::forward<A>(arguments)...);
  return {};
}

/// Sets of elements, as bits.
using ElemSet = unsigned;
constexpr ElemSet one(Elem elem) { return 1u << static_cast<unsigned>(elem); }
constexpr ElemSet floats = one(Elem::f32) | one(Elem::f64);
constexpr ElemSet numbers = floats | one(Elem::i32);
constexpr ElemSet any_elem = numbers | one(Elem::boolean) | one(Elem::u8);
std::string to_string(ElemSet);

/// Whether `axes` ascend strictly within a tensor of that rank.
bool ascending(const std::vector<int64_t> &axes, int rank);

/// The axes of a tensor of that rank that `axes` (ascending or not) does not hold.
std::vector<int64_t> other_axes(const std::vector<int64_t> &axes, int rank);

std::vector<int64_t> inverse(const std::vector<int64_t> &permutation);

/// 0, 1, …, rank - 1.
std::vector<int64_t> all_axes(int rank);

// Batching rules.

/// `dims` with `first` in front.
Shape behind(Extent first, const Shape &dims);

/// Axes of the old node as axes of the lifted one.
std::vector<int64_t> shifted(std::vector<int64_t> axes);

/// The same operation on operands that all have the axis.
Batched batch_elementwise(const BatchContext &);

// The reference evaluator.

Array zeros_of(const Type &, int64_t examples);
/// Zeros of the node's type.
Array zeros(const EvaluateContext &);

std::vector<int64_t> dims_at(const Shape &, int64_t examples);

/// Position of an index in row-major order.
int64_t linear(const std::vector<int64_t> &dims, const std::vector<int64_t> &index);

/// Moves `index` on by one, the last axis first; false after the last.
bool advance(std::vector<int64_t> &index, const std::vector<int64_t> &dims);

/// Calls f(index, position) for each index of `dims` in row-major order.
template <typename F> void for_each_index(const std::vector<int64_t> &dims, F &&f) {
  for (int64_t dim : dims)
    if (dim == 0) return;
  std::vector<int64_t> index(dims.size(), 0);
  int64_t position = 0;
  do f(index, position++);
  while (advance(index, dims));
}

/// result[i] = round(f(elem of the first operand, operands' elements i…)) for operands of one shape.
template <auto f, size_t... k> Array evaluate_map(const EvaluateContext &c, std::index_sequence<k...>) {
  Array result = zeros(c);
  for (size_t i = 0; i < result.values.size(); ++i)
    result.values[i] = round_to(result.elem, f(c.operands[0]->elem, c.operands[k]->values[i]...));
  return result;
}
template <auto f> Array evaluate_unary(const EvaluateContext &c) { return evaluate_map<f>(c, std::make_index_sequence<1>()); }
template <auto f> Array evaluate_binary(const EvaluateContext &c) { return evaluate_map<f>(c, std::make_index_sequence<2>()); }

// Samples.

/// f64, i32 or bool with these dimensions; 0 stands for B.
Type tensor(Elem, std::initializer_list<int64_t> dims);
inline Type real(std::initializer_list<int64_t> dims) { return tensor(Elem::f64, dims); }
inline Type index(std::initializer_list<int64_t> dims) { return tensor(Elem::i32, dims); }

/// Float operands from [-2, 2).
Sample sample(std::vector<Type> operands, Attributes = NoAttributes{}, std::optional<Type> result = std::nullopt,
              int64_t index_below = 1);

/// `count` operands of one shape, floats from [low, high).
template <int count, auto low, auto high> std::vector<Sample> real_samples() {
  return {Sample{std::vector<Type>(count, real({2, 3})), NoAttributes{}, std::nullopt, low, high, 1},
          Sample{std::vector<Type>(count, real({0, 4})), NoAttributes{}, std::nullopt, low, high, 1}};
}

} // namespace nnc::ir
