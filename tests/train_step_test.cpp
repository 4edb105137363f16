// The entry `train` against steps worked out by hand, in f64 with the reference evaluator.

#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ir/verify.h"
#include "passes/train_step.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>

using namespace nnc;
using namespace nnc::ir;

namespace {

const Type real{Elem::f64, {}};
const Type real2{Elem::f64, {{2, false}}};
const Type integer{Elem::i32, {}};

/// The graph of one example: tensors 0 (w) and 1 (b), state 2 (s), source 0 (x).
struct Example {
  Function function;
  Builder builder{function};
  NodeId w = builder.input({InputKind::tensor, 0, "w", no_node}, real);
  NodeId b = builder.input({InputKind::tensor, 1, "b", no_node}, real);
  NodeId x = builder.input({InputKind::source, 0, "x", no_node}, real);

  void output(OutputKind kind, int slot, NodeId node) { builder.output({kind, slot, "", node}); }
};

/// p - rate·g.
Function descent(double rate) {
  Function rule;
  Builder builder(rule);
  const NodeId p = builder.input({InputKind::argument, 0, "p", no_node}, real);
  const NodeId g = builder.input({InputKind::argument, 1, "g", no_node}, real);
  builder.output({OutputKind::result, 0, "p", builder.sub(p, builder.mul(g, builder.like(g, rate)))});
  return rule;
}

/// v <- beta·v + g, p <- p - rate·v with v in `slot` and rate a setting.
Function momentum(int slot, double beta) {
  Function rule;
  Builder builder(rule);
  const NodeId p = builder.input({InputKind::argument, 0, "p", no_node}, real);
  const NodeId g = builder.input({InputKind::argument, 1, "g", no_node}, real);
  const NodeId v = builder.input({InputKind::tensor, slot, "v", no_node}, real);
  const NodeId rate = builder.input({InputKind::setting, 0, "rate", no_node}, real);
  const NodeId next = builder.add(builder.mul(v, builder.like(v, beta)), g);
  builder.output({OutputKind::result, 0, "p", builder.sub(p, builder.mul(rate, next))});
  builder.output({OutputKind::tensor, slot, "v", next});
  return rule;
}

Function constant(double value) {
  Function function;
  Builder builder(function);
  builder.output({OutputKind::result, 0, "", builder.constant(real, value)});
  return function;
}

struct Step {
  std::map<int, double> tensors;
  std::vector<double> costs, reports;
};

/// One step of `entry` from `tensors`; every setting is 0.5.
Step run(const Function &entry, const std::map<int, double> &tensors, const std::vector<double> &x) {
  REQUIRE(verify(entry) == "");
  const auto B = static_cast<int64_t>(x.size());
  const auto values = evaluate(entry, B, [&](const Input &input, const Type &type) -> Array {
    if (input.kind == InputKind::source) return {Elem::f64, {B}, x};
    if (input.kind == InputKind::examples) return {Elem::i32, {}, {static_cast<double>(B)}};
    if (input.kind == InputKind::setting) return {type.elem, {}, {0.5}};
    return {type.elem, {}, {tensors.at(input.slot)}};
  });
  Step step{tensors, {}, {}};
  for (size_t i = 0; i < values.size(); ++i) {
    const Output &output = entry.outputs[i];
    if (output.kind == OutputKind::tensor) step.tensors[output.slot] = values[i].values[0];
    if (output.kind == OutputKind::cost) step.costs.push_back(values[i].values[0]);
    if (output.kind == OutputKind::report) {
      CHECK(values[i].elem == Elem::f64);
      step.reports.push_back(values[i].values[0]);
    }
  }
  return step;
}

const std::vector<double> xs = {1, 2, 6};

} // namespace

TEST_CASE("a step descends the mean of the cost over the mini-batch") {
  Example e;
  const NodeId y = e.builder.add(e.builder.mul(e.w, e.x), e.b);
  e.output(OutputKind::cost, 0, e.builder.mul(y, y));
  e.output(OutputKind::report, 0, e.builder.binary(Op::less, y, e.builder.like(y, 3)));
  const Function entry = passes::train_entry(e.function, {{0, {{0, descent(0.1)}, {1, descent(0.1)}}, std::nullopt, {}}});
  const Step step = run(entry, {{0, 0.5}, {1, 1}}, xs);
  // y = 1.5, 2, 4; dw = mean(2·y·x) = (3 + 8 + 48)/3, db = mean(2·y) = 5.
  CHECK(step.costs[0] == Approx((2.25 + 4 + 16) / 3));
  CHECK(step.tensors.at(0) == Approx(0.5 - 0.1 * 59 / 3));
  CHECK(step.tensors.at(1) == Approx(1 - 0.1 * 5));
  CHECK(step.reports == std::vector<double>{2}); // the sum over the examples, with the parameters from before
}

TEST_CASE("a cost or report that is the same for every example") {
  Example e;
  e.output(OutputKind::cost, 0, e.builder.mul(e.w, e.w));
  e.output(OutputKind::report, 0, e.b);
  const Function entry = passes::train_entry(e.function, {{0, {{0, descent(0.1)}}, std::nullopt, {}}});
  const Step step = run(entry, {{0, 3}, {1, 2}}, xs);
  CHECK(step.costs[0] == 9);
  CHECK(step.tensors.at(0) == Approx(3 - 0.6));
  CHECK(step.reports[0] == 6); // three times
  const Function evaluate = passes::evaluate_entry(e.function);
  CHECK(run(evaluate, {{0, 3}, {1, 2}}, xs).costs[0] == 27);
}

TEST_CASE("optimizer states and settings") {
  Example e;
  e.output(OutputKind::cost, 0, e.builder.mul(e.w, e.x));
  const Function entry = passes::train_entry(e.function, {{0, {{0, momentum(7, 0.9)}}, std::nullopt, {}}});
  const Step step = run(entry, {{0, 1}, {1, 0}, {7, 2}}, xs);
  CHECK(step.tensors.at(7) == Approx(0.9 * 2 + 3));
  CHECK(step.tensors.at(0) == Approx(1 - 0.5 * 4.8));
}

TEST_CASE("a parameter that the cost does not reach is left alone") {
  Example e;
  e.output(OutputKind::cost, 0, e.builder.mul(e.w, e.builder.unary(Op::stop_gradient, e.b)));
  const Function entry = passes::train_entry(e.function, {{0, {{0, descent(0.1)}, {1, descent(0.1)}}, std::nullopt, {}}});
  CHECK(run(entry, {{0, 1}, {1, 2}}, xs).tensors.at(1) == 2);
}

TEST_CASE("clip_norm scales the gradients of one clause together") {
  Example e;
  const NodeId cost = e.builder.add(e.builder.mul(e.w, e.builder.like(e.w, 3)), e.builder.mul(e.b, e.builder.like(e.b, 4)));
  e.output(OutputKind::cost, 0, cost);
  const auto step = [&](double limit) {
    return run(passes::train_entry(e.function, {{0, {{0, descent(1)}, {1, descent(1)}}, constant(limit), {}}}), {{0, 0}, {1, 0}},
               xs);
  };
  CHECK(step(1).tensors.at(0) == Approx(-3 / (5 + 1e-6)));
  CHECK(step(1).tensors.at(1) == Approx(-4 / (5 + 1e-6)));
  CHECK(step(6).tensors.at(1) == -4);
}

TEST_CASE("each clause uses the parameters that the one before left, and only its own paths count") {
  Example e;
  e.output(OutputKind::cost, 0, e.builder.mul(e.w, e.w));
  e.output(OutputKind::cost, 1, e.builder.mul(e.w, e.b));
  e.output(OutputKind::report, 0, e.w);
  const Function entry = passes::train_entry(
      e.function, {{0, {{0, descent(0.25)}}, std::nullopt, {}}, {1, {{0, descent(1)}, {1, descent(1)}}, std::nullopt, {}}});
  const Step step = run(entry, {{0, 2}, {1, 3}}, xs);
  // First w = 2 - 0.25·4 = 1. Then dw = b = 3, not also through the first update; db = the new w.
  CHECK(step.costs == std::vector<double>{4, 3});
  CHECK(step.tensors.at(0) == Approx(1 - 3));
  CHECK(step.tensors.at(1) == Approx(3 - 1));
  CHECK(step.reports[0] == 6);
}

TEST_CASE("a clause updates nothing where its cost is not finite") {
  Example e;
  const NodeId s = e.builder.input({InputKind::tensor, 2, "s", no_node}, real);
  e.output(OutputKind::cost, 0, e.builder.mul(e.w, e.x));
  e.output(OutputKind::tensor, 2, e.builder.add(s, e.builder.like(s, 1)));
  const Function entry = passes::train_entry(e.function, {{0, {{0, momentum(7, 0.9)}}, std::nullopt, {2}}});
  const std::map<int, double> before = {{0, 1}, {1, 0}, {2, 5}, {7, 2}};
  const Step bad = run(entry, before, {1, std::numeric_limits<double>::infinity()});
  CHECK(std::isinf(bad.costs[0]));
  CHECK(bad.tensors == before);
  CHECK(run(entry, before, {1, 1}).tensors.at(2) == 6);
}

TEST_CASE("a state is updated once by clauses that share the binding, again where a parameter of it has changed") {
  Example e;
  const NodeId s = e.builder.input({InputKind::tensor, 2, "s", no_node}, real);
  const NodeId next = e.builder.add(s, e.w);
  const NodeId shared = e.builder.mul(next, e.b);
  e.output(OutputKind::cost, 0, shared);
  e.output(OutputKind::cost, 1, shared);
  e.output(OutputKind::tensor, 2, e.builder.unary(Op::stop_gradient, next));
  const auto step = [&](int second) {
    return run(passes::train_entry(
                   e.function, {{0, {{second, descent(0.5)}}, std::nullopt, {2}}, {1, {{1, descent(0.5)}}, std::nullopt, {2}}}),
               {{0, 1}, {1, 2}, {2, 10}}, xs);
  };
  CHECK(step(1).tensors.at(2) == 11); // the first changes b, on which the state does not depend
  CHECK(step(0).tensors.at(0) == 0);  // w = 1 - 0.5·2
  CHECK(step(0).tensors.at(2) == 11); // evaluated again with w = 0
}
