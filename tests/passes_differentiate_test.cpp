// Differentiation: the documented values at kinks, the rule of zeros, and which paths count.

#include "passes/differentiate.h"
#include "passes/lift.h"
#include "tests/ir_random.h"

#include "ir/verify.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace nnc;
using namespace nnc::test;
using namespace nnc::passes;

namespace {

using Values = std::vector<double>;
const double inf = std::numeric_limits<double>::infinity();

/// The gradient of Σ f(x) at `at`; with `times` 2, of the sum of the gradient.
Values gradient(const std::function<NodeId(Builder &, NodeId)> &f, Values at, int times = 1) {
  Function function;
  Builder b(function);
  NodeId x = b.input({InputKind::argument, 0, "x", no_node}, real({static_cast<int64_t>(at.size())}));
  NodeId y = f(b, x);
  for (int i = 0; i < times; ++i) y = differentiate(b, y, b.like(y, 1), std::vector{x})[0];
  REQUIRE(y != no_node);
  b.output({OutputKind::result, 0, "g", y});
  REQUIRE(verify(function) == "");
  Array input{Elem::f64, {static_cast<int64_t>(at.size())}, at};
  return run(function, {input})[0].values;
}

auto unary(Op op) {
  return [op](Builder &b, NodeId x) { return b.unary(op, x); };
}
auto power(double exponent) {
  return [exponent](Builder &b, NodeId x) { return b.binary(Op::pow, x, b.like(x, exponent)); };
}
auto reduced(ReduceKind kind) {
  return [kind](Builder &b, NodeId x) { return b.reduce(kind, x, {0}); };
}

} // namespace

TEST_CASE("kinks") {
  CHECK(gradient(unary(Op::abs), {-2, 0, 3}) == Values{-1, 0, 1});
  auto relu = [](Builder &b, NodeId x) { return b.binary(Op::max, b.like(x, 0), x); };
  CHECK(gradient(relu, {-1, 0, 2}) == Values{0, 0, 1});
  auto first = [](Builder &b, NodeId x) { return b.binary(Op::max, x, b.like(x, 0)); };
  CHECK(gradient(first, {-1, 0, 2}) == Values{0, 1, 1});
  auto least = [](Builder &b, NodeId x) { return b.binary(Op::min, x, b.like(x, 0)); };
  CHECK(gradient(least, {-1, 0, 2}) == Values{1, 1, 0});
  CHECK(gradient(reduced(ReduceKind::max), {1, 7, 7, 2}) == Values{0, 1, 0, 0});
  CHECK(gradient(reduced(ReduceKind::min), {7, 1, 1, 2}) == Values{0, 1, 0, 0});
}

TEST_CASE("several axes: the first of equals is that of row-major order") {
  auto all = [](Builder &b, NodeId x) { return b.reduce(ReduceKind::max, b.reshape(x, {{2}, {3}}), {0, 1}); };
  CHECK(gradient(all, {1, 2, 5, 5, 2, 1}) == Values{0, 0, 1, 0, 0, 0});
  CHECK(gradient(all, {1, 2, 3, 5, 2, 5}) == Values{0, 0, 0, 1, 0, 0});
}

TEST_CASE("products with zeros") {
  CHECK(gradient(reduced(ReduceKind::mul), {2, 3, 4}) == Values{12, 8, 6});
  CHECK(gradient(reduced(ReduceKind::mul), {2, 0, 4}) == Values{0, 8, 0});
  CHECK(gradient(reduced(ReduceKind::mul), {0, 0, 4}) == Values{0, 0, 0});
}

TEST_CASE("powers") {
  CHECK(gradient(power(2), {0, 3}) == Values{0, 6});
  CHECK(gradient(power(0), {0, 3}) == Values{0, 0});
  CHECK(gradient(power(1), {0, 3}) == Values{1, 1});
  CHECK(gradient(power(2), {0, 3}, 2) == Values{2, 2});
  auto exponent = [](Builder &b, NodeId y) { return b.binary(Op::pow, b.like(y, 0), y); };
  CHECK(gradient(exponent, {0, 2}) == Values{0, 0});
}

TEST_CASE("a gradient of zero stops what is infinite behind it") {
  auto guarded = [](Builder &b, NodeId x) { // where x > 0, sqrt x, else 0
    return b.select(b.binary(Op::less, b.like(x, 0), x), b.unary(Op::sqrt, x), b.like(x, 0));
  };
  CHECK(gradient(guarded, {0, 4}) == Values{0, 0.25});
  CHECK(gradient(unary(Op::sqrt), {0, 4}) == Values{inf, 0.25});
  auto entropy = [](Builder &b, NodeId x) {
    return b.select(b.binary(Op::equal, x, b.like(x, 0)), b.like(x, 0), b.mul(x, b.unary(Op::log, x)));
  };
  CHECK(gradient(entropy, {0, 1}) == Values{0, 1});
}

TEST_CASE("a value doubled 64 times") {
  auto doubled = [](Builder &b, NodeId x) {
    for (int i = 0; i < 64; ++i) x = b.add(x, x);
    return x;
  };
  CHECK(gradient(doubled, {1}) == Values{std::ldexp(1.0, 64)});
}

TEST_CASE("many uses of one value") {
  auto used = [](Builder &b, NodeId x) {
    NodeId sum = x;
    for (int i = 1; i < 100000; ++i) sum = b.add(sum, x);
    return sum;
  };
  CHECK(gradient(used, {1}) == Values{100000});
}

TEST_CASE("only paths from the node count") {
  Function function;
  Builder b(function);
  NodeId x = b.input({InputKind::argument, 0, "x", no_node}, real({}));
  NodeId copy = b.unary(Op::copy, x), y = b.mul(x, copy);
  std::vector<NodeId> xs = {x, copy, b.unary(Op::copy, y)};
  std::vector<NodeId> gradients = differentiate(b, y, b.like(y, 1), xs);
  CHECK(gradients[2] == no_node);
  for (NodeId gradient : {gradients[0], gradients[1]}) b.output({OutputKind::result, 0, "g", gradient});
  std::vector<Array> values = run(function, {{Elem::f64, {}, {3}}});
  CHECK(values[0].values == Values{6});
  CHECK(values[1].values == Values{3});
}

TEST_CASE("what stops a gradient") {
  Function function;
  Builder b(function);
  NodeId x = b.input({InputKind::argument, 0, "x", no_node}, real({3}));
  std::vector<NodeId> ends = {b.unary(Op::floor, x), b.unary(Op::stop_gradient, x), b.convert(b.convert(x, Elem::i32), Elem::f64),
                              b.convert(b.argreduce(ReduceKind::max, x, {0}), Elem::f64)};
  for (NodeId y : ends) CHECK(differentiate(b, y, b.like(y, 1), std::vector{x})[0] == no_node);
  CHECK(differentiate(b, x, b.like(x, 1), std::vector{x})[0] != no_node);
}

namespace {

/// A number that all examples share, of x, one for each example, and w, the same for all: sums, all examples' values, and rows of them.
NodeId shared_number(Builder &b, NodeId x, NodeId w) {
  NodeId t = b.unary(Op::tanh, b.mul(w, x));
  NodeId all = b.unary(Op::batch_all, b.mul(t, w)), squares = b.mul(all, all);
  NodeId mine = b.mul(b.unary(Op::batch_take, squares), b.unary(Op::batch_take, b.unary(Op::exp, b.unary(Op::batch_all, w))));
  NodeId sum = b.reduce(ReduceKind::add, squares, {0});
  return b.add(b.unary(Op::batch_sum, b.mul(mine, b.add(t, sum))), b.mul(b.unary(Op::batch_sum, w), sum));
}

std::vector<bool> differing(const Function &function, NodeId each) {
  std::vector<bool> differs(function.nodes.size());
  for (NodeId id = 0; id < differs.size(); ++id) {
    const Op op = function[id].op;
    if (op == Op::batch_sum || op == Op::batch_all) continue;
    differs[id] = id == each || op == Op::batch_take;
    for (NodeId operand : function[id].operands) differs[id] = differs[id] || differs[operand];
  }
  return differs;
}

} // namespace

TEST_CASE("the derivative of a number that all examples share is that of the lifted graph") {
  const std::vector<Array> inputs = {{Elem::f64, {2}, {0.3, -0.7}}, {Elem::f64, {}, {0.9}}};
  auto build = [](bool before) {
    Function function;
    Builder b(function);
    NodeId x = b.input({InputKind::argument, 0, "x", no_node}, real({})),
           w = b.input({InputKind::argument, 1, "w", no_node}, real({}));
    NodeId y = shared_number(b, x, w);
    auto differentiated = [&](Builder &builder, NodeId from, const std::vector<NodeId> &by, const std::vector<bool> *differs) {
      const std::vector<NodeId> g = differentiate(builder, from, builder.like(from, 1), by, differs);
      builder.output({OutputKind::result, 0, "by x", g[0]});
      builder.output({OutputKind::result, 1, "by w", g[1]});
    };
    const std::vector<bool> differs = differing(function, x);
    if (before)
      differentiated(b, y, {x, w}, &differs);
    else
      b.output({OutputKind::result, 0, "y", y});
    Function lifted = lift(function, {true, false}, {1, true}, {.mini_batch = true, .lift_all_outputs = false});
    if (before) return lifted;
    Builder after(lifted);
    NodeId whole = lifted.outputs[0].node;
    lifted.outputs.clear();
    differentiated(after, whole, {lifted.inputs[0].node, lifted.inputs[1].node}, nullptr);
    return lifted;
  };
  const std::vector<Array> before = run(build(true), inputs), after = run(build(false), inputs);
  REQUIRE(before.size() == after.size());
  for (size_t i = 0; i < after.size(); ++i) {
    REQUIRE(before[i].dims == after[i].dims);
    for (size_t k = 0; k < after[i].values.size(); ++k) CHECK(before[i].values[k] == Approx(after[i].values[k]).epsilon(1e-12));
  }
}

/// h ← next(u·h + x) over rows x, and the gradient of Σ h by u.
static Function recurrent(const std::function<NodeId(Builder &, NodeId)> &next) {
  Function body;
  Builder inside(body);
  auto input = [](Builder &b, int slot, Type type) { return b.input({InputKind::argument, slot, "", no_node}, std::move(type)); };
  const NodeId h = input(inside, 0, real({4})), x = input(inside, 1, real({4})), u = input(inside, 2, real({4, 4}));
  inside.output({OutputKind::result, 0, "", next(inside, inside.add(inside.dot(u, h, {{}, {}, {1}, {0}}), x))});
  Function function;
  Builder b(function);
  const std::vector<NodeId> operands{input(b, 0, real({4})), input(b, 1, real({5, 4})), input(b, 2, real({4, 4}))};
  const NodeId scan = b.add_node(Op::scan, operands, ScanAttributes{5, 1, 1, false, std::make_shared<const Function>(body)});
  const NodeId sum = b.reduce(ReduceKind::add, b.add_node(Op::part, {scan}, PartAttributes{0}), {0});
  b.output({OutputKind::result, 0, "g", differentiate(b, sum, b.like(sum, 1), std::vector{operands[2]})[0]});
  REQUIRE(verify(function) == "");
  return function;
}

/// The nodes that the turns of the forward loop leave, as operations, and those that the turns backwards compute.
static std::pair<std::vector<Op>, std::vector<Op>> turns(const Function &function) {
  std::vector<Op> left, computed;
  for (const Node &node : function.nodes) {
    if (node.op != Op::scan) continue;
    const auto &scan = std::get<ScanAttributes>(node.attributes);
    for (size_t i = scan.carries; !scan.backwards && i < scan.body->outputs.size(); ++i)
      left.push_back((*scan.body)[scan.body->outputs[i].node].op);
    for (const Node &inner : scan.body->nodes)
      if (scan.backwards) computed.push_back(inner.op);
  }
  std::sort(left.begin(), left.end());
  return {left, computed};
}

TEST_CASE("turns leave what the gradient asks for where that takes no more memory than the products that it is made of") {
  auto has = [](const std::vector<Op> &ops, Op op) { return std::count(ops.begin(), ops.end(), op); };
  SECTION("what is carried anyway") {
    const auto [left, computed] = turns(recurrent([](Builder &b, NodeId x) { return b.unary(Op::tanh, x); }));
    CHECK(left == std::vector{Op::input, Op::tanh});
    CHECK(has(computed, Op::tanh) == 0);
  }
  SECTION("two halves of a product") {
    const auto [left, computed] = turns(recurrent([](Builder &b, NodeId x) {
      const NodeId sine = b.unary(Op::tanh, b.slice(x, {0}, {2}, {1})), power = b.unary(Op::exp, b.slice(x, {2}, {4}, {1}));
      return b.concatenate({b.mul(sine, power), b.mul(power, sine)}, 0);
    }));
    CHECK(has(left, Op::tanh) + has(left, Op::exp) == 2);
    CHECK(has(left, Op::dot) == 0);
    CHECK(has(computed, Op::tanh) + has(computed, Op::exp) == 0);
  }
  SECTION("not what takes more") {
    const auto [left, computed] = turns(recurrent([](Builder &b, NodeId x) {
      return b.unary(Op::neg, b.mul(b.unary(Op::sin, x), b.mul(b.unary(Op::tanh, x), b.unary(Op::exp, x))));
    }));
    CHECK(has(left, Op::add) == 1);
    CHECK(has(left, Op::tanh) + has(left, Op::exp) == 0);
    CHECK(has(computed, Op::tanh) == 1);
  }
}
