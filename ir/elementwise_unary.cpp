// Operations of one operand, element by element.

#include "ir/family.h"

#include <cmath>
#include <numbers>

namespace nnc::ir {

namespace {

template <ElemSet allowed> Type same_type(std::span<const Type *const> types, const Attributes &, std::string &error) {
  if (!(one(types[0]->elem) & allowed)) return fail(error, "needs {}, got {}", to_string(allowed), to_string(*types[0]));
  return *types[0];
}

template <ElemSet allowed> Type to_boolean(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  return {Elem::boolean, same_type<allowed>(types, attributes, error).dims};
}

Type convert_shape(std::span<const Type *const> types, const Attributes &, std::string &error) {
  if (types[0]->dims != types[1]->dims)
    return fail(error, "from {} to {} changes the shape", to_string(*types[0]), to_string(*types[1]));
  return *types[1];
}

/// To i32 and u8 from floats: towards zero, NaN gives 0, what is out of range the nearest.
double truncate(double x, double low, double high) { return std::isnan(x) ? 0 : std::trunc(std::min(std::max(x, low), high)); }

Array evaluate_convert(const EvaluateContext &c) {
  Array result = zeros(c);
  bool from_float = is_float(c.operands[0]->elem);
  for (size_t i = 0; i < result.values.size(); ++i) {
    double x = c.operands[0]->values[i];
    if (from_float && result.elem == Elem::i32) x = truncate(x, INT32_MIN, INT32_MAX);
    if (from_float && result.elem == Elem::u8) x = truncate(x, 0, UINT8_MAX);
    result.values[i] = round_to(result.elem, x);
  }
  return result;
}

std::vector<Sample> convert_samples() {
  return {sample({real({2, 3})}, NoAttributes{}, tensor(Elem::f32, {2, 3})), sample({real({0})}, NoAttributes{}, index({0})),
          sample({index({2, 3})}, NoAttributes{}, real({2, 3}), 9),
          sample({index({4})}, NoAttributes{}, tensor(Elem::boolean, {4}), 3)};
}

std::vector<Sample> boolean_samples() { return {sample({tensor(Elem::boolean, {2, 3})}, NoAttributes{}, std::nullopt, 2)}; }

/// The adjoint zmul(g, derivative), where `derivative` builds f'(x) from x and y = f(x).
template <auto derivative> std::vector<NodeId> chain(const AdjointContext &c) {
  return {c.builder.zmul(c.gradient, derivative(c.builder, c.operand(0), c.node))};
}

std::vector<NodeId> pass_on(const AdjointContext &c) { return {c.gradient}; }
std::vector<NodeId> negate(const AdjointContext &c) { return {c.builder.neg(c.gradient)}; }
std::vector<NodeId> convert_back(const AdjointContext &c) { return {c.builder.convert(c.gradient, c.type(0).elem)}; }

constexpr NotDifferentiable steps{"its derivative is zero wherever it has one"};

using Samples = std::vector<Sample> (*)();

constexpr OpRecord unary(const char *name, const char *doc, ShapeRule shape, AdjointRule adjoint, EvaluateRule evaluate,
                         Samples samples) {
  return {
      .name = name,
      .doc = doc,
      .operands = 1,
      .blank = any<NoAttributes>,
      .shape = shape,
      .declared_type = false,
      .adjoint = adjoint,
      .batch = batch_elementwise,
      .evaluate = evaluate,
      .kernel = ScalarBody{},
      .commutative = false,
      .samples = samples,
  };
}

/// f of floats with derivative `derivative`, sampled from [low, high).
template <auto f, auto derivative, auto low, auto high> constexpr OpRecord smooth(const char *name, const char *doc) {
  return unary(name, doc, same_type<floats>, chain<derivative>, evaluate_unary<[](Elem, double x) { return f(x); }>,
               real_samples<1, low, high>);
}

template <auto f> constexpr OpRecord stepwise(const char *name, const char *doc, ShapeRule shape) {
  return unary(name, doc, shape, steps, evaluate_unary<[](Elem, double x) { return f(x); }>, real_samples<1, -2.2, 2.3>);
}

constexpr auto same = [](Elem, double x) { return x; };
constexpr auto sign_of = [](double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : x; };

} // namespace

constinit const OpRecord records::convert = {
    .name = "convert",
    .doc = "the value as another element; from real to integer towards zero, NaN to 0, out of range to the nearest",
    .operands = 1,
    .blank = any<NoAttributes>,
    .shape = convert_shape,
    .declared_type = true,
    .adjoint = convert_back,
    .batch = batch_elementwise,
    .evaluate = evaluate_convert,
    .kernel = ScalarBody{},
    .commutative = false,
    .samples = convert_samples,
};

constinit const OpRecord records::copy =
    unary("copy", "x, under another name", same_type<any_elem>, pass_on, evaluate_unary<same>, real_samples<1, -2, 2>);

constinit const OpRecord records::stop_gradient =
    unary("stop_gradient", "x, with derivative zero", same_type<any_elem>, NotDifferentiable{"it is there to stop the gradient"},
          evaluate_unary<same>, real_samples<1, -2, 2>);

constinit const OpRecord records::barrier = unary("barrier", "x, computed apart from what uses it", same_type<any_elem>, pass_on,
                                                  evaluate_unary<same>, real_samples<1, -2, 2>);

constinit const OpRecord records::neg = unary("neg", "-x; i32 wraps", same_type<numbers>, negate,
                                              evaluate_unary<[](Elem, double x) { return -x; }>, real_samples<1, -2, 2>);

constinit const OpRecord records::abs =
    unary("abs", "|x|; |x|'(0) = 0; i32 wraps", same_type<numbers>,
          chain<[](Builder &b, NodeId x, NodeId) { return b.unary(Op::sign, x); }>,
          evaluate_unary<[](Elem, double x) { return std::fabs(x); }>, real_samples<1, 0.1, 2>);

constinit const OpRecord records::sign = stepwise<sign_of>("sign", "1, -1, or x where x is 0 or NaN", same_type<numbers>);
constinit const OpRecord records::floor =
    stepwise<[](double x) { return std::floor(x); }>("floor", "the integer below", same_type<floats>);
constinit const OpRecord records::ceil =
    stepwise<[](double x) { return std::ceil(x); }>("ceil", "the integer above", same_type<floats>);
constinit const OpRecord records::round =
    stepwise<[](double x) { return std::nearbyint(x); }>("round", "the nearest integer, ties to even", same_type<floats>);

constinit const OpRecord records::exp =
    smooth<[](double x) { return std::exp(x); }, [](Builder &, NodeId, NodeId y) { return y; }, -2, 2>("exp", "e^x");

constinit const OpRecord records::log =
    smooth<[](double x) { return std::log(x); }, [](Builder &b, NodeId x, NodeId) { return b.div(b.like(x, 1), x); }, 0.2, 3>(
        "log", "natural logarithm; log 0 = -inf, NaN below");

constinit const OpRecord records::sqrt =
    smooth<[](double x) { return std::sqrt(x); }, [](Builder &b, NodeId, NodeId y) { return b.div(b.like(y, 0.5), y); }, 0.2, 3>(
        "sqrt", "square root; NaN below 0, derivative inf at 0");

constinit const OpRecord records::rsqrt =
    smooth<[](double x) { return 1 / std::sqrt(x); },
           [](Builder &b, NodeId x, NodeId y) { return b.div(b.mul(b.like(y, -0.5), y), x); }, 0.2, 3>("rsqrt", "1/√x");

constinit const OpRecord records::sin =
    smooth<[](double x) { return std::sin(x); }, [](Builder &b, NodeId x, NodeId) { return b.unary(Op::cos, x); }, -4, 4>(
        "sin", "sin x");

constinit const OpRecord records::cos =
    smooth<[](double x) { return std::cos(x); }, [](Builder &b, NodeId x, NodeId) { return b.neg(b.unary(Op::sin, x)); }, -4, 4>(
        "cos", "cos x");
constinit const OpRecord records::tan =
    smooth<[](double x) { return std::tan(x); }, [](Builder &b, NodeId, NodeId y) { return b.add(b.like(y, 1), b.mul(y, y)); },
           -1, 1>("tan", "tan x");

constinit const OpRecord records::tanh =
    smooth<[](double x) { return std::tanh(x); }, [](Builder &b, NodeId, NodeId y) { return b.sub(b.like(y, 1), b.mul(y, y)); },
           -2, 2>("tanh", "hyperbolic tangent");

constinit const OpRecord records::erf = smooth<[](double x) { return std::erf(x); },
                                               [](Builder &b, NodeId x, NodeId) {
                                                 NodeId bell = b.unary(Op::exp, b.neg(b.mul(x, x)));
                                                 return b.mul(b.like(x, 2 * std::numbers::inv_sqrtpi), bell);
                                               },
                                               -2, 2>("erf", "2/√π ∫₀ˣ e^(-t²) dt");

constinit const OpRecord records::logical_not =
    unary("logical_not", "true where x is false", same_type<one(Elem::boolean)>, steps,
          evaluate_unary<[](Elem, double x) { return double(x == 0); }>, boolean_samples);

constinit const OpRecord records::is_finite =
    stepwise<[](double x) { return double(std::isfinite(x)); }>("is_finite", "neither infinite nor NaN", to_boolean<floats>);

} // namespace nnc::ir
