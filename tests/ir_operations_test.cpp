// Every operation's record against the reference evaluator, on the record's own samples: its adjoint, its adjoint's adjoint, its
// batching rule and its index map.

#include "passes/differentiate.h"
#include "passes/lift.h"
#include "tests/ir_random.h"

#include "ir/verify.h"

#include <catch2/catch.hpp>

using namespace nnc;
using namespace nnc::test;
using namespace nnc::passes;

static const std::vector<Op> every_operation = {
#define NNC_OP(name) Op::name,
#include "ir/ops.def"
};

/// Calls f(op, sample, values of the operands).
template <typename F> static void for_every_sample(F &&f) {
  std::mt19937_64 random(1);
  for (Op op : every_operation)
    for (const Sample &sample : record(op).samples()) {
      CAPTURE(record(op).name);
      std::vector<Array> values;
      for (const Type &type : sample.operands)
        values.push_back(random_array(random, type, sample.low, sample.high, sample.index_below));
      f(op, sample, values, random);
    }
}

/// `function` with its result's gradient for each float input: inputs get the seed behind them, outputs are the gradients (zeros for none).
static Function gradient_of(const Function &function) {
  Function result = function;
  Builder b(result);
  NodeId y = result.outputs[0].node;
  NodeId seed = b.input({InputKind::argument, static_cast<int>(result.inputs.size()), "seed", no_node}, b.type(y));
  std::vector<NodeId> xs;
  for (const Input &input : function.inputs) xs.push_back(input.node);
  std::vector<NodeId> gradients = differentiate(b, y, seed, xs);
  result.outputs.clear();
  for (size_t i = 0; i < xs.size(); ++i)
    if (is_float(b.type(xs[i]).elem))
      b.output({OutputKind::result, static_cast<int>(i), "g", gradients[i] == no_node ? b.like(xs[i], 0) : gradients[i]});
  return result;
}

/// ⟨v, Jw⟩ by central differences against ⟨Jᵀv, w⟩ by the adjoint, for output 0 of `function`.
static void check_adjoint(const Function &function, const std::vector<Array> &values, std::mt19937_64 &random) {
  Function gradient = gradient_of(function);
  REQUIRE(verify(gradient) == "");
  const double h = 1e-6;
  std::vector<Array> up = values, down = values, seeded = values, directions;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!is_float(values[i].elem)) continue;
    directions.push_back(random_array(random, function.type(function.inputs[i].node), -1, 1));
    up[i] = plus(values[i], h, directions.back());
    down[i] = plus(values[i], -h, directions.back());
  }
  Array v = random_array(random, function.type(function.outputs[0].node), -1, 1);
  seeded.push_back(v);
  double by_difference = (inner(v, run(function, up)[0]) - inner(v, run(function, down)[0])) / (2 * h);
  double by_adjoint = 0;
  std::vector<Array> gradients = run(gradient, seeded);
  for (size_t i = 0; i < gradients.size(); ++i) by_adjoint += inner(gradients[i], directions[i]);
  CHECK(by_adjoint == Approx(by_difference).epsilon(1e-6).margin(1e-7));
}

/// Whether there is a derivative that differences in f64 can show; that of `custom` is what its function says.
static bool has_adjoint(Op op, const Function &function) {
  return op != Op::custom && !std::holds_alternative<NotDifferentiable>(record(op).adjoint) &&
         function.type(function.outputs[0].node).elem == Elem::f64;
}

TEST_CASE("a record's facts are whole") {
  for (Op op : every_operation) {
    CAPTURE(static_cast<int>(op));
    const OpRecord &facts = record(op);
    CHECK(op_named(facts.name) == op);
    CHECK(std::string(facts.doc) != "");
    CHECK((!facts.samples().empty() || op == Op::input || op == Op::part));
    if (auto *none = std::get_if<NotDifferentiable>(&facts.adjoint)) CHECK(std::string(none->because) != "");
  }
}

TEST_CASE("samples verify and evaluate") {
  for_every_sample([](Op op, const Sample &sample, const std::vector<Array> &values, std::mt19937_64 &) {
    Function function = function_of(op, sample);
    REQUIRE(verify(function) == "");
    Array result = run(function, values)[0];
    CHECK(result.dims == dims_at(function.type(function.outputs[0].node).dims, examples));
    for (double value : result.values) CHECK(value == round_to(result.elem, value));
  });
}

TEST_CASE("adjoints agree with differences") {
  for_every_sample([](Op op, const Sample &sample, const std::vector<Array> &values, std::mt19937_64 &random) {
    Function function = function_of(op, sample);
    if (has_adjoint(op, function)) check_adjoint(function, values, random);
  });
}

TEST_CASE("second derivatives agree with differences of the first") {
  for_every_sample([](Op op, const Sample &sample, std::vector<Array> values, std::mt19937_64 &random) {
    Function function = function_of(op, sample);
    if (!has_adjoint(op, function)) return;
    Function gradient = gradient_of(function);
    values.push_back(random_array(random, gradient.type(gradient.inputs.back().node), 0.5, 1));
    std::vector<Output> outputs = gradient.outputs;
    for (const Output &output : outputs) {
      gradient.outputs = {output};
      check_adjoint(gradient, values, random);
    }
  });
}

static void check_batching(const Function &function, const Sample &sample, const std::vector<Array> &values, unsigned subset,
                           Extent size, std::mt19937_64 &random) {
  std::vector<bool> lifted;
  std::vector<Array> stacked = values;
  for (size_t i = 0; i < values.size(); ++i) {
    lifted.push_back(subset >> i & 1);
    Type type{sample.operands[i].elem, behind(size, sample.operands[i].dims)};
    if (lifted[i]) stacked[i] = random_array(random, type, sample.low, sample.high, sample.index_below);
  }
  Function batched = lift(function, lifted, size, {});
  REQUIRE(verify(batched) == "");
  Array result = run(batched, stacked)[0];
  REQUIRE(result.dims[0] == size.at(examples));
  for (int64_t i = 0; i < result.dims[0]; ++i) {
    std::vector<Array> one = values;
    for (size_t k = 0; k < one.size(); ++k)
      if (lifted[k]) one[k] = row(stacked[k], i);
    Array expected = run(function, one)[0], got = row(result, i);
    REQUIRE(got.dims == expected.dims);
    for (size_t k = 0; k < got.values.size(); ++k)
      CHECK(got.values[k] == Approx(expected.values[k]).epsilon(1e-12).margin(1e-12));
  }
}

TEST_CASE("batching agrees with a loop, whichever operands vary") {
  for_every_sample([](Op op, const Sample &sample, const std::vector<Array> &values, std::mt19937_64 &random) {
    Function function = function_of(op, sample);
    for (unsigned subset = 1; subset < 1u << values.size(); ++subset) {
      CAPTURE(subset);
      check_batching(function, sample, values, subset, {3, false}, random);
      check_batching(function, sample, values, subset, {1, true}, random);
    }
  });
}

TEST_CASE("index maps say where elements come from") {
  for_every_sample([](Op op, const Sample &sample, const std::vector<Array> &values, std::mt19937_64 &) {
    auto *view = std::get_if<View>(&record(op).kernel);
    if (!view) return;
    Function function = function_of(op, sample);
    auto map = view->map(function[function.outputs[0].node], sample.operands[0]);
    if (!map) return;
    Array result = run(function, values)[0];
    for_each_index(result.dims, [&](const auto &index, int64_t position) {
      std::vector<int64_t> from;
      for (const IndexMap::Axis &axis : map->axes) {
        from.push_back(axis.constant);
        for (auto [k, coefficient] : axis.terms) from.back() += coefficient * index[k];
      }
      CHECK(result.values[position] == values[0].values[linear(values[0].dims, from)]);
    });
  });
}
