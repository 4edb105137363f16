// Operations without tensors as operands, and the draws.

#include "ir/family.h"
#include "ir/philox.h"

namespace nnc::ir {

namespace {

Type declared_as_is(std::span<const Type *const> types, const Attributes &, std::string &) { return *types[0]; }

Type constant_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  size_t given = std::get<ConstantAttributes>(attributes).values.size();
  Count count;
  if (!product(types[0]->dims, count)) return fail(error, "{} has too many elements", to_string(*types[0]));
  if (given != 1 && (count.power != 0 || static_cast<uint64_t>(count.count) != given))
    return fail(error, "{} values for {}", given, to_string(*types[0]));
  return *types[0];
}

Type iota_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  const auto &axes = std::get<AxesAttributes>(attributes).axes;
  if (types[0]->elem != Elem::i32) return fail(error, "counts in i32, not {}", name(types[0]->elem));
  if (axes.size() != 1 || !ascending(axes, types[0]->rank())) return fail(error, "needs one axis of {}", to_string(*types[0]));
  return *types[0];
}

/// A leaf has nothing that varies.
Batched batch_leaf(const BatchContext &c) { return {c.builder.add_node(c.node.op, {}, c.node.attributes, &c.type), false}; }

Array evaluate_input(const EvaluateContext &) { throw InternalError("input: its value is given, not computed"); }

Array evaluate_constant(const EvaluateContext &c) {
  const auto &values = std::get<ConstantAttributes>(c.node.attributes).values;
  Array result = zeros(c);
  for (size_t i = 0; i < result.values.size(); ++i)
    result.values[i] = round_to(result.elem, values.size() == 1 ? values[0] : values[i]);
  return result;
}

Array evaluate_iota(const EvaluateContext &c) {
  int64_t axis = std::get<AxesAttributes>(c.node.attributes).axes[0];
  Array result = zeros(c);
  for_each_index(result.dims, [&](const auto &index, int64_t at) { result.values[at] = static_cast<double>(index[axis]); });
  return result;
}

constexpr NotDifferentiable leaf{"it has no operand"};

std::vector<Sample> constant_samples() {
  return {sample({}, ConstantAttributes{{0.5}}, real({2, 3})), sample({}, ConstantAttributes{{1, 2, 3, 4, 5, 6}}, real({2, 3}))};
}
std::vector<Sample> iota_samples() {
  return {sample({}, AxesAttributes{{1}}, index({2, 3})), sample({}, AxesAttributes{{0}}, index({0}))};
}
std::vector<Sample> no_samples() { return {}; }

Type random_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  for (const Type *type : types)
    if (*type != *types[0] || type->elem != Elem::i32) return fail(error, "needs six i32 of one shape, got {}", to_string(*type));
  int64_t word = std::get<RandomAttributes>(attributes).word;
  if (word < 0 || word > 3) return fail(error, "has no word {}", word);
  return *types[0];
}

uint32_t word_of(const Array &array, size_t i) { return static_cast<uint32_t>(static_cast<int64_t>(array.values[i])); }

Array evaluate_random(const EvaluateContext &c) {
  const auto &draw = std::get<RandomAttributes>(c.node.attributes);
  Array result = zeros(c);
  for (size_t i = 0; i < result.values.size(); ++i) {
    auto operand = [&](int k) { return word_of(*c.operands[k], i); };
    auto words = philox({operand(2), operand(3), operand(4), operand(5)}, draw_key(operand(0), operand(1), draw.path));
    result.values[i] = static_cast<int32_t>(words[draw.word]);
  }
  return result;
}

std::vector<Sample> random_samples() {
  return {sample(std::vector<Type>(6, index({2, 3})), RandomAttributes{17, 2}, std::nullopt, 1000),
          sample(std::vector<Type>(6, index({})), RandomAttributes{0x123456789ABCDEF0u, 0}, std::nullopt, 5)};
}

} // namespace

constinit const OpRecord records::input = {
    .name = "input",
    .doc = "a value given from outside",
    .operands = 0,
    .blank = any<InputAttributes>,
    .shape = declared_as_is,
    .declared_type = true,
    .adjoint = leaf,
    .batch = batch_leaf,
    .evaluate = evaluate_input,
    .kernel = Leaf{},
    .commutative = false,
    .samples = no_samples,
};

constinit const OpRecord records::constant = {
    .name = "constant",
    .doc = "one value for every element, or all of them row-major",
    .operands = 0,
    .blank = any<ConstantAttributes>,
    .shape = constant_shape,
    .declared_type = true,
    .adjoint = leaf,
    .batch = batch_leaf,
    .evaluate = evaluate_constant,
    .kernel = Leaf{},
    .commutative = false,
    .samples = constant_samples,
};

constinit const OpRecord records::iota = {
    .name = "iota",
    .doc = "the index along one axis",
    .operands = 0,
    .blank = any<AxesAttributes>,
    .shape = iota_shape,
    .declared_type = true,
    .adjoint = leaf,
    .batch = batch_leaf,
    .evaluate = evaluate_iota,
    .kernel = Leaf{},
    .commutative = false,
    .samples = iota_samples,
};

constinit const OpRecord records::random_bits = {
    .name = "random_bits",
    .doc = "one word of Philox 4x32-10 with the key of (seed_low, seed_high, path) and the counter (step, row, turn, position)",
    .operands = 6,
    .blank = any<RandomAttributes>,
    .shape = random_shape,
    .declared_type = false,
    .adjoint = NotDifferentiable{"a draw has derivative zero"},
    .batch = batch_elementwise,
    .evaluate = evaluate_random,
    .kernel = ScalarBody{},
    .commutative = false,
    .samples = random_samples,
};

} // namespace nnc::ir
