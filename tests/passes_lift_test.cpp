// Lifting: index notation, draws, sums over the mini-batch; and that a contraction written in index notation is the one of a product.

#include "passes/differentiate.h"
#include "passes/lift.h"
#include "passes/pass.h"
#include "passes/passes.h"
#include "tests/ir_random.h"

#include "ir/text.h"
#include "ir/verify.h"

#include <catch2/catch.hpp>

using namespace nnc;
using namespace nnc::test;
using namespace nnc::passes;

namespace {

const Type scalar_index{Elem::i32, {}};

int count(const Function &function, Op op) {
  int found = 0;
  for (const Node &node : function.nodes) found += node.op == op;
  return found;
}

NodeId argument(Builder &b, Type type) {
  return b.input({InputKind::argument, static_cast<int>(b.function().inputs.size()), "x", no_node}, std::move(type));
}

/// The function's graph lifted along its scalar inputs behind the first `tensors`, the last one first, and called with iotas.
Function indexed(const Function &body, size_t tensors, const std::vector<int64_t> &sizes) {
  Function lifted = body;
  for (size_t k = sizes.size(); k-- > 0;) {
    std::vector<bool> marks(body.inputs.size(), false);
    marks[tensors + k] = true;
    lifted = lift(lifted, marks, {sizes[k], false}, {});
  }
  Function caller;
  Builder b(caller);
  std::vector<NodeId> arguments;
  for (size_t i = 0; i < body.inputs.size(); ++i) {
    Type type = lifted.type(lifted.inputs[i].node);
    arguments.push_back(i < tensors ? argument(b, type) : b.iota(type.dims, 0));
  }
  for (NodeId node : inline_function(b, lifted, arguments)) b.output({OutputKind::result, 0, "y", node});
  REQUIRE(verify(caller) == "");
  return caller;
}

} // namespace

TEST_CASE("x[i, j] over all i and j is x") {
  Function body;
  Builder b(body);
  NodeId x = argument(b, real({3, 4})), i = argument(b, scalar_index), j = argument(b, scalar_index);
  b.output({OutputKind::result, 0, "y", b.gather(b.gather(x, i, 0), j, 0)});
  Function function = indexed(body, 1, {3, 4});
  CHECK(function.outputs[0].node == function.inputs[0].node);
}

TEST_CASE("x[j, i] over all i and j is the transpose") {
  Function body;
  Builder b(body);
  NodeId x = argument(b, real({4, 3})), i = argument(b, scalar_index), j = argument(b, scalar_index);
  b.output({OutputKind::result, 0, "y", b.gather(b.gather(x, j, 0), i, 0)});
  Function function = simplify(indexed(body, 1, {3, 4}));
  CHECK(count(function, Op::gather) == 0);
  CHECK(count(function, Op::transpose) == 1);
  CHECK(function.nodes.size() == 2);
}

TEST_CASE("affine indices are slices and reversals") {
  Function body;
  Builder b(body);
  NodeId x = argument(b, real({9})), i = argument(b, scalar_index);
  NodeId odd = b.add(b.mul(b.like(i, 2), i), b.like(i, 1)), backwards = b.sub(b.like(i, 5), i);
  b.output({OutputKind::result, 0, "y", b.sub(b.gather(x, odd, 0), b.gather(x, backwards, 0))});
  Function function = indexed(body, 1, {4});
  CHECK(count(function, Op::gather) == 0);
  Array values{Elem::f64, {9}, {0, 1, 4, 9, 16, 25, 36, 49, 64}};
  CHECK(run(function, {values})[0].values == std::vector<double>{1 - 25, 9 - 16, 25 - 9, 49 - 4});
}

TEST_CASE("a diagonal stays a gather") {
  Function body;
  Builder b(body);
  NodeId x = argument(b, real({3, 3})), i = argument(b, scalar_index);
  b.output({OutputKind::result, 0, "y", b.gather(b.gather(x, i, 0), i, 0)});
  Function function = indexed(body, 1, {3});
  CHECK(run(function, {{Elem::f64, {3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}}})[0].values == std::vector<double>{1, 5, 9});
}

namespace {

/// y[j] = Σ_k w[j, k]·a[k] in index notation.
NodeId matrix_by_vector_indexed(Builder &b, NodeId w, NodeId a) {
  Function body;
  Builder inner(body);
  NodeId w_in = argument(inner, b.type(w)), a_in = argument(inner, b.type(a)), j = argument(inner, scalar_index),
         k = argument(inner, scalar_index);
  inner.output({OutputKind::result, 0, "y", inner.mul(inner.gather(inner.gather(w_in, j, 0), k, 0), inner.gather(a_in, k, 0))});
  Function terms = lift(body, {false, false, false, true}, b.type(w).dims[1], {});
  Builder sum(terms);
  terms.outputs[0].node = sum.reduce(ReduceKind::add, terms.outputs[0].node, {0});
  Function rows = lift(terms, {false, false, true, false}, b.type(w).dims[0], {});
  std::vector<NodeId> arguments = {w, a, b.iota({b.type(w).dims[0]}, 0), b.iota({b.type(w).dims[1]}, 0)};
  return inline_function(b, rows, arguments)[0];
}

NodeId matrix_by_vector(Builder &b, NodeId w, NodeId a) { return b.dot(w, a, {{}, {}, {1}, {0}}); }

/// Two layers on a mini-batch with the gradients of both matrices and of the input, optimised.
Function two_layers(NodeId (*product)(Builder &, NodeId, NodeId)) {
  Function one;
  Builder b(one);
  NodeId x = argument(b, real({5})), w = argument(b, real({4, 5})), v = argument(b, real({3, 4}));
  b.output({OutputKind::result, 0, "y", product(b, v, b.unary(Op::tanh, product(b, w, x)))});
  Function batched = lift(one, {true, false, false}, {1, true}, {.mini_batch = true});
  Builder all(batched);
  NodeId y = batched.outputs[0].node;
  std::vector<NodeId> xs = {batched.inputs[0].node, batched.inputs[1].node, batched.inputs[2].node};
  for (NodeId gradient : differentiate(all, y, all.mul(y, y), xs)) all.output({OutputKind::result, 1, "g", gradient});
  return optimize(batched, {});
}

} // namespace

TEST_CASE("index notation and its derivatives arrive at the contractions of a product") {
  Function indexed = two_layers(matrix_by_vector_indexed), direct = two_layers(matrix_by_vector);
  INFO(print(indexed) << print(direct));
  CHECK(count(indexed, Op::dot) == 6);
  CHECK(count(direct, Op::dot) == 6);
  CHECK(count(indexed, Op::transpose) == 0);
  CHECK(count(indexed, Op::reduce) == 0);
  CHECK(indexed.nodes.size() == direct.nodes.size());
}

TEST_CASE("draws along an axis have positions of their own") {
  Function body;
  Builder b(body);
  NodeId p = b.input({InputKind::position, 0, "position", no_node}, scalar_index), x = argument(b, scalar_index);
  b.output({OutputKind::result, 0, "y", b.add(p, b.mul(x, b.like(x, 100)))});
  Function lifted = lift(body, {false, true}, {3, false}, {});
  CHECK(run(lifted, {{Elem::i32, {}, {2}}, {Elem::i32, {3}, {0, 1, 2}}})[0].values == std::vector<double>{6, 107, 208});
}

TEST_CASE("the mini-batch gives draws the rows") {
  Function body;
  Builder b(body);
  NodeId p = b.input({InputKind::position, 0, "position", no_node}, scalar_index);
  NodeId row = b.input({InputKind::row, 0, "row", no_node}, scalar_index);
  b.output({OutputKind::result, 0, "y", b.add(p, row)});
  Function lifted = lift(body, {false, false}, {1, true}, {.mini_batch = true});
  CHECK(lifted.type(lifted.inputs[0].node) == scalar_index);
  CHECK(lifted.type(lifted.inputs[1].node) == index({0}));
}

TEST_CASE("a sum over the mini-batch is one value for all examples") {
  Function body;
  Builder b(body);
  NodeId x = argument(b, real({})), w = argument(b, real({}));
  b.output({OutputKind::result, 0, "y", b.unary(Op::batch_sum, x)});
  b.output({OutputKind::result, 1, "B", b.unary(Op::batch_sum, w)});
  b.output({OutputKind::result, 2, "d", b.sub(x, b.unary(Op::batch_sum, x))});
  Function lifted = lift(body, {true, false}, {1, true}, {.mini_batch = true, .lift_all_outputs = false});
  std::vector<Array> outputs = run(lifted, {{Elem::f64, {2}, {3, 5}}, {Elem::f64, {}, {1}}});
  CHECK(outputs[0].values == std::vector<double>{8});
  CHECK(outputs[1].values == std::vector<double>{2});
  CHECK(outputs[2].values == std::vector<double>{-5, -3});
  Function along = lift(body, {true, true}, {3, false}, {});
  CHECK(count(along, Op::batch_sum) == 3);
}

TEST_CASE("all examples' values are the lifted value itself, and each example's row of them its own") {
  Function body;
  Builder b(body);
  NodeId x = argument(b, real({2})), w = argument(b, real({}));
  NodeId all = b.unary(Op::batch_all, x);
  b.output({OutputKind::result, 0, "all", all});
  b.output({OutputKind::result, 1, "mine", b.unary(Op::batch_take, all)});
  b.output({OutputKind::result, 2, "here", b.unary(Op::batch_take, b.iota({{1, true}}, 0))});
  b.output({OutputKind::result, 3, "same", b.unary(Op::batch_all, w)});
  b.output({OutputKind::result, 4, "diagonal", b.unary(Op::batch_take, b.add(all, b.broadcast_leading(x, {{1, true}})))});
  Function lifted = lift(body, {true, false}, {1, true}, {.mini_batch = true, .lift_all_outputs = false});
  REQUIRE(verify(lifted) == "");
  std::vector<Array> outputs = run(lifted, {{Elem::f64, {2, 2}, {3, 5, 7, 9}}, {Elem::f64, {}, {4}}});
  CHECK(lifted.type(lifted.outputs[0].node) == real({0, 2}));
  CHECK(outputs[0].values == std::vector<double>{3, 5, 7, 9});
  CHECK(outputs[1].values == std::vector<double>{3, 5, 7, 9});
  CHECK(outputs[2].values == std::vector<double>{0, 1});
  CHECK(outputs[3].values == std::vector<double>{4, 4});
  CHECK(outputs[4].values == std::vector<double>{6, 10, 14, 18});
}
