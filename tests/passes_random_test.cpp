// Every pass alone, the passes in their order and in other orders, on random graphs and their gradients: the values of the outputs stay.

#include "passes/differentiate.h"
#include "passes/lift.h"
#include "passes/pass.h"
#include "tests/ir_random.h"

#include "ir/text.h"
#include "ir/verify.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

using namespace nnc;
using namespace nnc::test;
using namespace nnc::passes;

namespace {

/// Grows a graph by one random operation at a time. Values stay of moderate size.
class Grower {
public:
  Grower(uint64_t seed, Function &function, bool in_loop = false) : random(seed), b(function), in_loop(in_loop) {
    for (int i = 0; i < 4; ++i) floats.push_back(argument({Elem::f64, shape(3)}));
    indices = argument({Elem::i32, {{3}}});
  }

  std::mt19937_64 random;
  Builder b;
  std::vector<NodeId> floats;
  NodeId indices; // below 2
  bool in_loop;   // it grows the body of a loop

  int64_t below(int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); }

  void grow() {
    using Step = NodeId (Grower::*)(NodeId);
    static constexpr Step steps[] = {&Grower::unary,      &Grower::binary,      &Grower::binary,    &Grower::with_constant,
                                     &Grower::broadcast,  &Grower::broadcast,   &Grower::transpose, &Grower::reshape,
                                     &Grower::slice,      &Grower::pad,         &Grower::reverse,   &Grower::concatenate,
                                     &Grower::reduce,     &Grower::reduce,      &Grower::dot,       &Grower::choose,
                                     &Grower::gather,     &Grower::product_sum, &Grower::window,    &Grower::window,
                                     &Grower::window_add, &Grower::loop};
    NodeId made = (this->*steps[below(std::size(steps))])(floats[below(static_cast<int64_t>(floats.size()))]);
    if (made == no_node || !small(made)) return;
    floats.push_back(b.unary(Op::tanh, made));
    if (below(2)) floats.back() = made;
  }

private:
  NodeId argument(Type type) {
    return b.input({InputKind::argument, static_cast<int>(b.function().inputs.size()), "x", no_node}, std::move(type));
  }

  Shape shape(int64_t most) {
    Shape dims;
    for (int64_t k = below(most + 1); k-- > 0;) dims.push_back(extent());
    return dims;
  }
  Extent extent() {
    static constexpr Extent extents[] = {{1, false}, {2, false}, {3, false}, {1, true}};
    return extents[below(4)];
  }
  bool small(NodeId id) const {
    int64_t count = 1;
    for (int64_t dim : dims_at(b.type(id).dims, examples)) count *= dim;
    return count <= 300 && b.type(id).rank() <= 5;
  }
  std::vector<int64_t> some_axes(int rank) {
    std::vector<int64_t> axes;
    for (int64_t axis = 0; axis < rank; ++axis)
      if (below(2)) axes.push_back(axis);
    return axes;
  }

  NodeId unary(NodeId x) {
    static constexpr Op ops[] = {Op::neg, Op::abs, Op::sin, Op::tanh, Op::copy, Op::stop_gradient, Op::cos, Op::barrier};
    return b.unary(ops[below(std::size(ops))], x);
  }
  /// Another node spread to the type of x, or x.
  NodeId partner(NodeId x) {
    for (int tries = 0; tries < 20; ++tries) {
      NodeId y = floats[below(static_cast<int64_t>(floats.size()))];
      std::vector<int64_t> axes;
      const Shape from = b.type(y).dims, to = b.type(x).dims;
      for (size_t k = 0; k < to.size(); ++k)
        if (axes.size() < from.size() && from[axes.size()] == to[k]) axes.push_back(static_cast<int64_t>(k));
      if (axes.size() == from.size()) return b.broadcast(y, to, axes);
    }
    return x;
  }
  NodeId binary(NodeId x) {
    static constexpr Op ops[] = {Op::add, Op::sub, Op::mul, Op::zmul, Op::max, Op::min, Op::mul};
    NodeId y = partner(x);
    return below(2) ? b.binary(ops[below(std::size(ops))], x, y) : b.binary(ops[below(std::size(ops))], y, x);
  }
  NodeId with_constant(NodeId x) {
    static constexpr double values[] = {0, -0.0, 1, -1, 2, 0.5, 3};
    NodeId c = b.like(x, values[below(std::size(values))]);
    switch (below(5)) {
    case 0: return b.binary(Op::pow, x, b.like(x, static_cast<double>(below(4))));
    case 1: return b.div(x, b.like(x, 4));
    case 2: return b.mul(c, x);
    case 3: return b.zmul(x, c);
    default: return below(2) ? b.add(x, c) : b.sub(x, c);
    }
  }
  NodeId broadcast(NodeId x) {
    Shape dims;
    std::vector<int64_t> axes;
    for (const Extent &extent : b.type(x).dims) {
      if (below(3) == 0) dims.push_back(this->extent());
      axes.push_back(static_cast<int64_t>(dims.size()));
      dims.push_back(extent);
    }
    if (below(2)) dims.push_back(extent());
    return b.broadcast(x, dims, axes);
  }
  NodeId transpose(NodeId x) {
    std::vector<int64_t> axes = all_axes(b.type(x).rank());
    std::shuffle(axes.begin(), axes.end(), random);
    return b.transpose(x, axes);
  }
  NodeId reshape(NodeId x) {
    Shape dims = b.type(x).dims;
    if (below(2))
      dims.insert(dims.begin() + below(static_cast<int64_t>(dims.size()) + 1), Extent{});
    else if (dims.size() >= 2 && !(dims[0].batch && dims[1].batch)) {
      dims[1] = {dims[0].count * dims[1].count, dims[0].batch || dims[1].batch};
      dims.erase(dims.begin());
    }
    return b.reshape(x, dims);
  }
  NodeId window(NodeId x) {
    RandomWindow window = random_window(random, b.type(x).dims);
    return b.window(x, window.attributes, window.part);
  }
  /// What a window of some node spreads.
  NodeId window_add(NodeId whole) {
    NodeId part = window(whole);
    return b.window_add(unary(part), std::get<WindowAttributes>(b.function()[part].attributes), b.type(whole).dims);
  }
  NodeId slice(NodeId x) {
    SliceAttributes s;
    for (const Extent &extent : b.type(x).dims) {
      s.start.push_back(extent.batch ? 0 : below(extent.count));
      s.limit.push_back(extent.batch ? 0 : s.start.back() + 1 + below(extent.count - s.start.back()));
      s.stride.push_back(extent.batch ? 1 : 1 + below(2));
    }
    return b.slice(x, s.start, s.limit, s.stride);
  }
  NodeId pad(NodeId x) {
    PadAttributes p;
    for (const Extent &extent : b.type(x).dims)
      for (auto *list : {&p.before, &p.after, &p.between}) list->push_back(extent.batch ? 0 : below(2));
    return b.pad(x, p.before, p.after, p.between);
  }
  NodeId reverse(NodeId x) { return b.reverse(x, some_axes(b.type(x).rank())); }
  NodeId concatenate(NodeId x) {
    if (b.type(x).rank() == 0) return no_node;
    int64_t axis = below(b.type(x).rank());
    return b.type(x).dims[axis].batch ? no_node : b.concatenate({x, partner(x)}, axis);
  }
  NodeId reduce(NodeId x) {
    static constexpr ReduceKind kinds[] = {ReduceKind::add, ReduceKind::add, ReduceKind::max, ReduceKind::min};
    return b.reduce(kinds[below(4)], x, some_axes(b.type(x).rank()));
  }
  NodeId product_sum(NodeId x) {
    NodeId wide = broadcast(x), product = b.binary(below(2) ? Op::mul : Op::zmul, partner(wide), wide);
    if (below(2)) product = b.mul(product, partner(product));
    return b.reduce(ReduceKind::add, product, some_axes(b.type(product).rank()));
  }
  NodeId dot(NodeId x) {
    NodeId y = floats[below(static_cast<int64_t>(floats.size()))];
    DotAttributes d;
    std::vector<bool> used(b.type(y).rank(), false);
    for (int64_t i = 0; i < b.type(x).rank(); ++i)
      for (int64_t k = 0; k < b.type(y).rank(); ++k) {
        if (used[k] || b.type(x).dims[i] != b.type(y).dims[k] || below(2)) continue;
        used[k] = true;
        bool batch = below(3) == 0;
        (batch ? d.left_batch : d.left_contract).push_back(i), (batch ? d.right_batch : d.right_contract).push_back(k);
        break;
      }
    return b.dot(x, y, d);
  }
  /// A value of the type, made of x.
  NodeId fitted(NodeId x, const Type &type) {
    if (b.type(x).rank() > 0) x = b.reduce(ReduceKind::add, x, all_axes(b.type(x).rank()));
    return b.broadcast_leading(b.unary(Op::tanh, x), type.dims);
  }
  /// A loop over a random body of the same kind: two carried values, rows, the rest the same in every turn; the last value and what is collected, added up.
  NodeId loop(NodeId x) {
    if (in_loop) return no_node;
    constexpr int64_t turns = 3;
    Function body;
    Grower inside(random(), body, true);
    const std::vector<NodeId> inputs = inside.floats;
    for (int i = 0; i < 5; ++i) inside.grow();
    for (int i = 0; i < 2; ++i) {
      NodeId next = below(4) ? inside.b.unary(Op::tanh, inside.b.add(inputs[i], inside.partner(inputs[i]))) : inputs[i];
      inside.b.output({OutputKind::result, i, "", next});
    }
    inside.b.output({OutputKind::result, 2, "", inside.floats.back()});
    inside.b.output({OutputKind::result, 3, "", inside.floats[below(static_cast<int64_t>(inside.floats.size()))]});
    std::vector<NodeId> operands;
    for (size_t i = 0; i < inputs.size(); ++i) {
      Type type = body.type(inputs[i]);
      const bool is_gathered = i == 2 && below(2);
      if (i == 2) type.dims = behind({is_gathered ? 2 : turns, false}, type.dims);
      operands.push_back(fitted(i == 0 ? x : floats[below(static_cast<int64_t>(floats.size()))], type));
      if (i == 2) operands.back() = b.mul(operands.back(), b.convert(b.iota(type.dims, 0), Elem::f64));
      if (is_gathered) operands.back() = b.gather(operands.back(), indices, 0);
    }
    operands.push_back(indices);
    NodeId scan =
        b.add_node(Op::scan, operands, ScanAttributes{turns, 2, 1, below(2) == 1, std::make_shared<const Function>(body)});
    NodeId part = b.add_node(Op::part, {scan}, PartAttributes{below(4)});
    return below(2) && b.type(part).rank() > 0 ? b.reduce(ReduceKind::add, part, {0}) : part;
  }
  NodeId choose(NodeId x) {
    NodeId y = partner(x), condition = b.binary(Op::less, x, y);
    if (below(2)) condition = b.unary(Op::logical_not, condition);
    return b.select(condition, y, x);
  }
  /// By the argument, by one number, or by an affine index.
  NodeId gather(NodeId x) {
    if (b.type(x).rank() == 0 || b.type(x).dims[0].batch) return no_node;
    int64_t size = b.type(x).dims[0].count;
    if (below(2) && size >= 2) return b.gather(x, indices, 0);
    if (below(2)) return b.gather(x, b.constant({Elem::i32, {}}, static_cast<double>(below(size))), 0);
    NodeId index = b.iota({{size}}, 0);
    if (below(2)) index = b.sub(b.like(index, static_cast<double>(size - 1)), index);
    if (below(2)) index = b.broadcast(index, {{2}, {size}}, {1});
    return b.gather(x, index, 0);
  }
};

/// A random graph whose outputs are some of its nodes and the gradients of one of them.
Function random_function(uint64_t seed) {
  Function function;
  function.name = "random";
  Grower grower(seed, function);
  for (int64_t steps = 3 + grower.below(25); steps-- > 0;) grower.grow();
  Builder &b = grower.b;
  NodeId last = grower.floats.back();
  std::vector<NodeId> xs(grower.floats.begin(), grower.floats.begin() + 4);
  std::vector<NodeId> gradients = differentiate(b, last, b.like(last, 1), xs);
  b.output({OutputKind::result, 0, "y", last});
  b.output({OutputKind::result, 1, "z", grower.floats[grower.below(static_cast<int64_t>(grower.floats.size()))]});
  for (NodeId gradient : gradients)
    if (gradient != no_node) b.output({OutputKind::result, static_cast<int>(function.outputs.size()), "g", gradient});
  return function;
}

std::vector<Array> random_inputs(const Function &function, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Array> inputs;
  for (const Input &input : function.inputs) inputs.push_back(random_array(random, function.type(input.node), -2, 2, 2));
  return inputs;
}

/// Whether the outputs are the same but for rounding. Sums in another order differ by the size of their terms, which these graphs bound.
bool close(const std::vector<Array> &a, const std::vector<Array> &b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].dims != b[i].dims) return false;
    double scale = 1;
    for (double x : a[i].values)
      if (std::isfinite(x)) scale = std::max(scale, std::fabs(x));
    for (size_t k = 0; k < a[i].values.size(); ++k) {
      double x = a[i].values[k], y = b[i].values[k];
      if (!(x == y || (std::isnan(x) && std::isnan(y)) || std::fabs(x - y) <= 1e-9 * scale)) return false;
    }
  }
  return true;
}

void check_same(const Function &before, const Function &after, uint64_t seed) {
  REQUIRE(verify(after) == "");
  std::vector<Array> inputs = random_inputs(before, seed);
  INFO(print(before) << print(after));
  REQUIRE(close(run(before, inputs), run(after, inputs)));
}

/// Products with rows of a table that are gathered in some order, over what the rows hold, over the rows or both; y, and the gradients.
Function product_with_gathered(uint64_t seed) {
  std::mt19937_64 random(seed);
  Function function;
  function.name = "gathered";
  Builder b(function);
  auto argument = [&](Type type) {
    return b.input({InputKind::argument, static_cast<int>(function.inputs.size()), "x", no_node}, std::move(type));
  };
  auto shuffled = [&](NodeId x, int fixed) {
    std::vector<int64_t> axes = all_axes(b.type(x).rank());
    std::shuffle(axes.begin(), random() % 2 ? axes.end() : axes.begin() + fixed, random);
    return random() % 4 ? b.transpose(x, axes) : x;
  };
  const Shape index_dims = random() % 2 ? Shape{{4}, {1, true}} : Shape{{3, true}, {2}};
  const NodeId table = argument({Elem::f64, {{2}, {5}, {8}}}), index = argument({Elem::i32, index_dims});
  const NodeId rows = shuffled(b.gather(table, index, 0), 2);
  const Shape dims = b.type(rows).dims;
  DotAttributes d;
  Shape other;
  for (int64_t axis = 0; axis < static_cast<int64_t>(dims.size()); ++axis) {
    if (random() % 2 == 0) continue;
    if (random() % 2) other.push_back({3});
    d.left_contract.push_back(axis), d.right_contract.push_back(static_cast<int64_t>(other.size()));
    other.push_back(dims[axis]);
  }
  if (random() % 2) other.push_back({7});
  const NodeId x = argument({Elem::f64, other});
  const bool is_left = random() % 2;
  if (!is_left) std::swap(d.left_contract, d.right_contract);
  const NodeId y = b.unary(Op::tanh, shuffled(is_left ? b.dot(rows, x, d) : b.dot(x, rows, d), 0));
  b.output({OutputKind::result, 0, "y", y});
  for (NodeId gradient : differentiate(b, y, b.like(y, 1), std::vector{table, x}))
    b.output({OutputKind::result, static_cast<int>(function.outputs.size()), "g", gradient});
  return function;
}

constexpr uint64_t graphs = 400;

} // namespace

TEST_CASE("each pass alone keeps the values") {
  for (uint64_t seed = 0; seed < graphs; ++seed) {
    Function function = random_function(seed);
    REQUIRE(verify(function) == "");
    for (const Pass &pass : optimizations()) {
      CAPTURE(seed, pass.name);
      check_same(function, pass.run(function), seed);
    }
  }
}

TEST_CASE("products with the rows of a table in place of gathered ones keep the values") {
  std::map<Op, int> rows; // of the table, that an operation has in front in its result
  for (uint64_t seed = 0; seed < graphs; ++seed) {
    CAPTURE(seed);
    const Function function = product_with_gathered(seed), after = optimize(function, {});
    check_same(function, after, seed);
    for (const Node &node : after.nodes)
      if (!node.type.dims.empty() && node.type.dims[0] == Extent{2}) ++rows[node.op];
  }
  CHECK(rows[Op::dot] > 40);
  CHECK(rows[Op::scatter_add] > 40);
}

TEST_CASE("the passes in their order and in others keep the values") {
  for (uint64_t seed = 0; seed < graphs; ++seed) {
    CAPTURE(seed);
    Function function = random_function(seed);
    check_same(function, optimize(function, {}), seed);
    std::vector<Pass> shuffled(optimizations().begin(), optimizations().end());
    std::mt19937_64 random(seed);
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    Function result = function;
    for (const Pass &pass : shuffled) result = pass.run(result);
    check_same(function, result, seed);
  }
}

TEST_CASE("a lifted graph agrees with a loop over the graph") {
  for (uint64_t seed = 0; seed < graphs; ++seed) {
    CAPTURE(seed);
    Function function = random_function(seed);
    std::mt19937_64 random(seed);
    Extent size = random() % 2 ? Extent{3, false} : Extent{1, true};
    std::vector<bool> marks;
    std::vector<Array> stacked;
    for (const Input &input : function.inputs) {
      const Type &type = function.type(input.node);
      marks.push_back(random() % 2);
      stacked.push_back(random_array(random, marks.back() ? Type{type.elem, behind(size, type.dims)} : type));
    }
    Function lifted = lift(function, marks, size, {});
    REQUIRE(verify(lifted) == "");
    std::vector<Array> together = run(lifted, stacked);
    for (int64_t i = 0; i < size.at(examples); ++i) {
      std::vector<Array> one = stacked, part;
      for (size_t k = 0; k < one.size(); ++k)
        if (marks[k]) one[k] = row(stacked[k], i);
      for (const Array &output : together) part.push_back(row(output, i));
      REQUIRE(close(run(function, one), part));
    }
  }
}

TEST_CASE("random graphs survive printing and parsing") {
  for (uint64_t seed = 0; seed < graphs; ++seed) {
    Function function = random_function(seed);
    Module module = parse(print(function));
    REQUIRE(module.functions.size() == 1);
    CHECK(equal(module.functions[0], function));
  }
}
