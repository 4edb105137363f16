#pragma once
// Random values and functions for the tests of the IR.

#include "ir/evaluate.h"
#include "ir/family.h"

#include <random>

namespace nnc::test {

using namespace nnc::ir;

constexpr int64_t examples = 2; // B in tests

/// A number that every element of every float part of a tuple changes.
inline NodeId mixed_parts(Builder &b, NodeId tuple) {
  NodeId sum = no_node;
  for (size_t k = 0; k < b.type(tuple).parts.size(); ++k) {
    NodeId part = b.add_node(Op::part, {tuple}, PartAttributes{static_cast<int64_t>(k)});
    if (!is_float(b.type(part).elem)) part = b.convert(part, Elem::f64);
    part = b.unary(Op::sin, b.mul(part, b.like(part, 0.7 + 0.2 * static_cast<double>(k))));
    if (b.type(part).rank() > 0) part = b.reduce(ReduceKind::add, part, all_axes(b.type(part).rank()));
    sum = sum == no_node ? part : b.add(sum, part);
  }
  return sum;
}

/// A function of one operation with the sample's operands as arguments and one result.
inline Function function_of(Op op, const Sample &sample) {
  Function function;
  function.name = record(op).name;
  Builder b(function);
  std::vector<NodeId> operands;
  for (const Type &type : sample.operands) {
    int slot = static_cast<int>(operands.size());
    operands.push_back(b.input({InputKind::argument, slot, "x" + std::to_string(slot), no_node}, type));
  }
  NodeId result = b.add_node(op, operands, sample.attributes, sample.result ? &*sample.result : nullptr);
  if (b.type(result).is_tuple()) result = mixed_parts(b, result);
  b.output({OutputKind::result, 0, "y", result});
  return function;
}

inline Array array_of(const Type &type) {
  Array array{type.elem, dims_at(type.dims, examples), {}};
  int64_t count = 1;
  for (int64_t dim : array.dims) count *= dim;
  array.values.assign(count, 0.0);
  return array;
}

inline Array random_array(std::mt19937_64 &random, const Type &type, double low = -2, double high = 2, int64_t index_below = 2) {
  Array array = array_of(type);
  for (double &value : array.values) {
    if (is_float(type.elem))
      value = round_to(type.elem, std::uniform_real_distribution(low, high)(random));
    else if (type.elem == Elem::i32)
      value = static_cast<double>(std::uniform_int_distribution<int64_t>(0, index_below - 1)(random));
    else
      value = static_cast<double>(random() % 2);
  }
  return array;
}

/// Evaluates with one array for each input, in order.
inline std::vector<Array> run(const Function &function, const std::vector<Array> &inputs) {
  return evaluate(function, examples,
                  [&](const Input &input, const Type &) { return inputs.at(&input - function.inputs.data()); });
}

/// Row `i` of the leading axis.
inline Array row(const Array &array, int64_t i) {
  Array result{array.elem, {array.dims.begin() + 1, array.dims.end()}, {}};
  int64_t count = static_cast<int64_t>(array.values.size()) / array.dims[0];
  result.values.assign(array.values.begin() + i * count, array.values.begin() + (i + 1) * count);
  return result;
}

inline double inner(const Array &a, const Array &b) {
  double sum = 0;
  for (size_t i = 0; i < a.values.size(); ++i) sum += a.values[i] * b.values[i];
  return sum;
}

inline Array plus(Array a, double factor, const Array &b) {
  for (size_t i = 0; i < a.values.size(); ++i) a.values[i] += factor * b.values[i];
  return a;
}

} // namespace nnc::test
