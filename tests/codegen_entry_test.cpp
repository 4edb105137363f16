// Random graphs: what the kernels of an entry compute, executed plainly and compiled, against the reference evaluator.

#include "codegen/compile.h"
#include "codegen/index.h"
#include "codegen/kernel_evaluate.h"
#include "codegen/make_entry.h"
#include "codegen/one_example.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "passes/pass.h"
#include "tests/command.h"
#include "tests/ir_random.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <map>
#include <random>

namespace nnc {
namespace {

using namespace ir;

/// A random graph over a mini-batch: tensors, a data source, elementwise operations, views, reductions, products, gathers.
class RandomGraph {
public:
  /// `sums`: many of its operations are sums that depend on sums, and what lies among zeros.
  RandomGraph(uint64_t seed, Elem real, bool sums) : random_(seed), real_(real), sums_(sums) {
    function.name = "function";
    for (int i = 0; i < 3; ++i) add_tensor(random_shape(false));
    pool_.push_back(b_.input({InputKind::source, 0, "data", no_node}, {real_, {{1, true}, {4, false}, {3, false}}}));
  }

  Function build(int operations) {
    for (int i = 0; i < operations; ++i) step();
    int slot = 0;
    for (size_t i = 0; i < 4; ++i) {
      NodeId node = pool_[pool_.size() - 1 - pick(std::min<size_t>(pool_.size(), 8))];
      b_.output({OutputKind::result, slot++, "out", node});
    }
    // One tensor gets a new value made of its old one.
    NodeId old = function.inputs[0].node;
    b_.output({OutputKind::tensor, 0, "t0", b_.sub(old, b_.mul(b_.like(old, 0.1), b_.unary(Op::tanh, old)))});
    return function;
  }

  Function function;
  std::vector<Type> tensors;

private:
  size_t pick(size_t count) { return random_() % count; }
  const Shape &shape(NodeId id) const { return function.type(id).dims; }

  Shape random_shape(bool batch) {
    Shape dims;
    if (batch) dims.push_back({1, true});
    for (size_t rank = pick(3); rank-- > 0;) dims.push_back({static_cast<int64_t>(1 + pick(5)), false});
    return dims;
  }

  void add_tensor(Shape dims) {
    int slot = static_cast<int>(tensors.size());
    tensors.push_back({real_, dims});
    pool_.push_back(b_.input({InputKind::tensor, slot, "t" + std::to_string(slot), no_node}, tensors.back()));
  }

  NodeId any() { return pool_[pick(pool_.size())]; }
  void keep(NodeId id) {
    Count count;
    if (product(shape(id), count) && count.power <= 1 && count.count <= 400 && shape(id).size() <= 4) pool_.push_back(id);
  }

  /// `a` stretched, or a new tensor, so that it has the shape of `like`.
  NodeId fitted(NodeId like) {
    for (int tries = 0; tries < 6; ++tries) {
      NodeId candidate = any();
      if (shape(candidate) == shape(like)) return candidate;
      if (shape(candidate).empty()) return b_.broadcast(candidate, shape(like), {});
      if (shape(candidate).size() == 1)
        for (size_t axis = 0; axis < shape(like).size(); ++axis)
          if (shape(like)[axis] == shape(candidate)[0]) return b_.broadcast(candidate, shape(like), {static_cast<int64_t>(axis)});
    }
    return b_.unary(Op::sin, like);
  }

  /// A loop in the graph of `b`: x goes from turn to turn, and a sum; the rows are made of `other`, which is also the same in every turn. One of its
  /// results; `within`: with another loop in its body.
  NodeId loop(Builder &b, NodeId x, NodeId other, bool within) {
    const int64_t turns = 2 + static_cast<int64_t>(pick(3));
    const Type type = b.type(x), scalar{real_, {}};
    Shape all = type.dims;
    all.insert(all.begin(), {turns, false});
    const NodeId rows = b.mul(b.broadcast_leading(other, {{turns, false}}), b.convert(b.iota(all, 0), real_));
    Function body;
    body.name = "turn";
    Builder in(body);
    auto argument = [&](const Type &of) {
      return in.input({InputKind::argument, static_cast<int>(body.inputs.size()), "", no_node}, of);
    };
    auto summed = [&](NodeId y) {
      std::vector<int64_t> axes;
      for (int axis = 0; axis < in.type(y).rank(); ++axis) axes.push_back(axis);
      return axes.empty() ? y : in.reduce(ReduceKind::add, y, axes);
    };
    const NodeId s = argument(type), total = argument(scalar), row = argument(type), same = argument(type);
    NodeId next = in.unary(Op::tanh, pick(2) ? in.add(in.mul(s, row), same) : in.sub(row, s));
    if (pick(2)) next = in.sub(next, in.broadcast_leading(in.unary(Op::sin, summed(next)), type.dims));
    if (within) next = in.add(next, in.unary(Op::tanh, summed_to(in, loop(in, next, row, false), type)));
    add_result(in, next), add_result(in, in.add(total, summed(in.mul(next, row))));
    add_result(in, pick(2) ? in.mul(next, same) : in.unary(Op::sin, row));
    const NodeId zero = b.constant(scalar, 0.0);
    const NodeId scan = b.add_node(Op::scan, {x, zero, rows, other},
                                   ScanAttributes{turns, 2, 1, pick(2) == 1, std::make_shared<const Function>(std::move(body))});
    return b.add_node(Op::part, {scan}, PartAttributes{static_cast<int64_t>(pick(3))});
  }
  static void add_result(Builder &b, NodeId node) {
    b.output({OutputKind::result, static_cast<int>(b.function().outputs.size()), "", node});
  }
  /// The sum of all elements, as a tensor of the type.
  static NodeId summed_to(Builder &b, NodeId y, const Type &type) {
    std::vector<int64_t> axes;
    for (int axis = 0; axis < b.type(y).rank(); ++axis) axes.push_back(axis);
    return b.broadcast_leading(axes.empty() ? y : b.reduce(ReduceKind::add, y, axes), type.dims);
  }

  void sum_step(NodeId x) {
    const int rank = static_cast<int>(shape(x).size());
    std::vector<int64_t> axes, kept, before, after;
    for (int axis = 0; axis < rank; ++axis) (pick(3) ? axes : kept).push_back(axis);
    if (axes.empty()) return;
    switch (pick(4)) {
    case 0: { // what its own sum centres, and sums of what is linear or a square in it
      const NodeId total = b_.reduce(ReduceKind::add, x, axes), other = b_.unary(Op::tanh, x);
      const NodeId spread = b_.broadcast(b_.mul(total, b_.like(total, 0.125)), shape(x), kept), centred = b_.sub(x, spread);
      keep(centred), keep(b_.reduce(ReduceKind::add, other, axes));
      keep(b_.reduce(ReduceKind::add, b_.mul(centred, centred), axes));
      return keep(b_.reduce(ReduceKind::add, b_.add(b_.mul(other, spread), b_.mul(centred, spread)), axes));
    }
    case 1: { // one axis after the other
      NodeId sum = b_.unary(Op::sin, x);
      for (size_t i = 0; i < axes.size(); ++i) sum = b_.reduce(ReduceKind::add, sum, {axes[i] - static_cast<int64_t>(i)});
      return keep(sum);
    }
    case 2:
      if (std::count_if(axes.begin(), axes.end(), [&](int64_t axis) { return shape(x)[axis].batch; })) return;
      return keep(b_.convert(b_.argreduce(pick(2) ? ReduceKind::min : ReduceKind::max, x, axes), real_));
    default:
      for (const Extent &extent : shape(x))
        for (auto *side : {&before, &after}) side->push_back(extent.batch ? 0 : static_cast<int64_t>(pick(3)));
      const NodeId inside = b_.unary(Op::tanh, x);
      keep(inside), keep(b_.mul(inside, fitted(inside)));
      return keep(b_.pad(inside, before, after, std::vector<int64_t>(rank, 0)));
    }
  }

  void step() {
    NodeId x = any();
    const int rank = static_cast<int>(shape(x).size());
    if (sums_ && pick(2)) return sum_step(x);
    switch (pick(21)) {
    case 0: return keep(b_.unary(Op::tanh, x));
    case 1: return keep(b_.unary(Op::exp, b_.unary(Op::sin, x)));
    case 2: return keep(b_.add(x, fitted(x)));
    case 3: return keep(b_.mul(b_.unary(Op::tanh, x), fitted(x)));
    case 4: {
      NodeId y = fitted(x);
      return keep(b_.select(b_.binary(Op::less, x, y), y, b_.neg(x)));
    }
    case 5:
    case 6: {
      if (rank == 0) return;
      std::vector<int64_t> axes;
      for (int axis = 0; axis < rank; ++axis)
        if (pick(2)) axes.push_back(axis);
      if (axes.empty()) axes.push_back(static_cast<int64_t>(pick(rank)));
      return keep(b_.reduce(pick(2) ? ReduceKind::add : ReduceKind::max, pick(2) ? b_.unary(Op::tanh, x) : x, axes));
    }
    case 7: {
      if (rank < 2) return;
      std::vector<int64_t> axes;
      for (int axis = 0; axis < rank; ++axis) axes.push_back(axis);
      std::shuffle(axes.begin(), axes.end(), random_);
      return keep(b_.transpose(x, axes));
    }
    case 8: {
      std::vector<int64_t> start, limit, stride;
      for (const Extent &extent : shape(x)) {
        bool whole = extent.batch || pick(2);
        start.push_back(whole ? 0 : static_cast<int64_t>(pick(extent.count)));
        limit.push_back(whole ? (extent.batch ? 0 : extent.count)
                              : start.back() + 1 + static_cast<int64_t>(pick(extent.count - start.back())));
        stride.push_back(whole ? 1 : 1 + static_cast<int64_t>(pick(2)));
      }
      return keep(b_.slice(x, start, limit, stride));
    }
    case 9: {
      Count count;
      product(shape(x), count);
      if (count.power == 0) return keep(b_.reshape(x, {{count.count, false}}));
      if (shape(x)[0].batch) return keep(b_.reshape(x, {{1, true}, {count.count, false}}));
      return;
    }
    case 10: {
      Shape larger = shape(x);
      larger.insert(larger.begin(), {static_cast<int64_t>(2 + pick(3)), false});
      std::vector<int64_t> axes;
      for (int axis = 0; axis < rank; ++axis) axes.push_back(axis + 1);
      return keep(b_.broadcast(x, larger, axes));
    }
    case 11:
    case 12: {
      // A product over an axis that two tensors share.
      NodeId y = any();
      for (size_t i = 0; i < shape(x).size(); ++i)
        for (size_t j = 0; j < shape(y).size(); ++j)
          if (shape(x)[i] == shape(y)[j] && pick(2)) {
            DotAttributes dot{{}, {}, {static_cast<int64_t>(i)}, {static_cast<int64_t>(j)}};
            if (i != 0 && j != 0 && shape(x)[0] == shape(y)[0]) dot.left_batch = dot.right_batch = {0};
            Count left, right;
            product(shape(x), left), product(shape(y), right);
            if (left.power + right.power > 1 && dot.left_batch.empty() && !shape(x)[i].batch) return;
            return keep(b_.dot(x, y, dot));
          }
      return;
    }
    case 13: {
      if (rank == 0 || shape(x)[0].batch) return;
      NodeId index = b_.iota({{static_cast<int64_t>(1 + pick(shape(x)[0].count)), false}}, 0);
      return keep(b_.gather(x, index, 0));
    }
    case 14: {
      if (rank == 0) return;
      int64_t axis = static_cast<int64_t>(pick(rank));
      if (shape(x)[axis].batch) return;
      return keep(b_.concatenate({x, b_.unary(Op::tanh, x)}, axis));
    }
    case 15: {
      test::RandomWindow window = test::random_window(random_, shape(x));
      return keep(b_.window(x, window.attributes, window.part));
    }
    case 16: {
      test::RandomWindow window = test::random_window(random_, shape(x));
      NodeId part = b_.unary(Op::sin, b_.window(x, window.attributes, window.part));
      return keep(b_.window_add(part, window.attributes, shape(x)));
    }
    case 17: {
      std::vector<int64_t> before, after, between;
      for (const Extent &extent : shape(x)) {
        before.push_back(extent.batch ? 0 : static_cast<int64_t>(pick(2)));
        after.push_back(extent.batch ? 0 : static_cast<int64_t>(pick(2)));
        between.push_back(extent.batch ? 0 : static_cast<int64_t>(pick(2)));
      }
      return keep(b_.pad(x, before, after, between));
    }
    case 19: return keep(loop(b_, x, b_.mul(fitted(x), b_.like(x, 0.5)), pick(2)));
    case 18: return rank == 0 ? void() : keep(b_.convert(b_.unary(Op::order, x), real_));
    default: {
      if (rank == 0 || shape(x).back().batch) return;
      NodeId greatest = b_.argreduce(ReduceKind::max, x, {rank - 1});
      if (pick(2))
        return keep(
            b_.scatter_add(greatest, b_.convert(greatest, real_), rank > 1 && shape(x)[0].batch ? 1 : 0, shape(x).back()));
      return keep(b_.convert(greatest, real_));
    }
    }
  }

  std::mt19937_64 random_;
  Elem real_;
  bool sums_;
  Builder b_{function};
  std::vector<NodeId> pool_;
};

/// Memory of a call, filled from a seed.
struct Memory {
  Memory(const codegen::Entry &entry, const codegen::Layout &layout, const Function &function, int64_t examples, uint64_t seed)
      : state(layout.state_bytes / 8 + 8), arena(entry.arena_bytes.at(examples) / 8 + 64, std::nan("")), data(7 * 12 + 12),
        rows(examples) {
    std::mt19937_64 random(seed);
    for (const codegen::TensorLayout &tensor : layout.tensors)
      fill(random, tensor.type, reinterpret_cast<char *>(state.data()) + tensor.offset);
    fill(random, {layout.sources[0].stored, {{7 * 12, false}}}, reinterpret_cast<char *>(data.data()));
    for (int64_t i = 0; i < examples; ++i) rows[i] = static_cast<int32_t>(random() % 7);
    for (const Output &output : function.outputs) {
      if (output.kind != OutputKind::result) continue;
      results.emplace_back(codegen::element_count_at(function.type(output.node).dims, examples) + 8, -77.0);
    }
    for (auto &result : results) outputs.push_back(result.data());
    source = data.data();
    row_table = rows.data();
    call.state = reinterpret_cast<unsigned char *>(state.data());
    call.arena = reinterpret_cast<unsigned char *>(reinterpret_cast<uintptr_t>(arena.data() + 8) / 64 * 64);
    call.sources = &source;
    call.rows = &row_table;
    call.outputs = outputs.data();
    call.batch = examples;
    call.steps = 1;
    call.step = 1;
  }

  static void fill(std::mt19937_64 &random, const Type &type, char *to) {
    int64_t count = codegen::element_count_at(type.dims, 1);
    for (int64_t i = 0; i < count; ++i) {
      double value = std::uniform_real_distribution(-2.0, 2.0)(random);
      if (type.elem == Elem::f32)
        reinterpret_cast<float *>(to)[i] = static_cast<float>(value);
      else
        reinterpret_cast<double *>(to)[i] = value;
    }
  }

  std::vector<double> state, arena, data;
  std::vector<int32_t> rows;
  std::vector<std::vector<double>> results;
  std::vector<void *> outputs;
  const void *source;
  const int32_t *row_table;
  nnc_call call{};
};

double element(const void *memory, Elem elem, int64_t i) {
  switch (elem) {
  case Elem::f32: return static_cast<const float *>(memory)[i];
  case Elem::f64: return static_cast<const double *>(memory)[i];
  case Elem::i32: return static_cast<const int32_t *>(memory)[i];
  default: return static_cast<const uint8_t *>(memory)[i];
  }
}

Array array_at(const void *memory, const Type &type, int64_t examples) {
  Array array{type.elem, {}, {}};
  for (const Extent &extent : type.dims) array.dims.push_back(extent.at(examples));
  for (int64_t i = 0; i < codegen::element_count_at(type.dims, examples); ++i)
    array.values.push_back(element(memory, type.elem, i));
  return array;
}

/// Elements from one row of the source to the next.
int64_t row_step(const codegen::Layout &layout) { return layout.sources[0].step > 0 ? layout.sources[0].step : 12; }

/// The reference values of the outputs for what `memory` holds before a call.
std::vector<Array> reference(const Function &function, const Memory &memory, const codegen::Layout &layout, int64_t examples) {
  return evaluate(function, examples, [&](const Input &input, const Type &type) {
    if (input.kind == InputKind::tensor)
      return array_at(reinterpret_cast<const char *>(memory.state.data()) + layout.tensors[input.slot].offset, type, examples);
    Array array{type.elem, {examples, 4, 3}, {}};
    for (int64_t i = 0; i < examples; ++i)
      for (int64_t j = 0; j < 12; ++j)
        array.values.push_back(element(memory.data.data(), type.elem, memory.rows[i] * row_step(layout) + j));
    return array;
  });
}

void compare(const Function &function, const Memory &memory, const codegen::Layout &layout, const std::vector<Array> &expected,
             int64_t examples, double tolerance) {
  for (size_t i = 0; i < function.outputs.size(); ++i) {
    const Output &output = function.outputs[i];
    const Type &type = function.type(output.node);
    const void *at = output.kind == OutputKind::tensor
                         ? reinterpret_cast<const char *>(memory.state.data()) + layout.tensors[output.slot].offset
                         : static_cast<const void *>(memory.results[output.slot].data());
    Array got = array_at(at, type, examples);
    double largest = 1;
    for (double value : expected[i].values) largest = std::max(largest, std::fabs(value));
    for (size_t k = 0; k < got.values.size(); ++k) {
      INFO("output " << i << " element " << k);
      bool same =
          got.values[k] == expected[i].values[k] || std::fabs(got.values[k] - expected[i].values[k]) <= tolerance * largest;
      REQUIRE(same);
    }
  }
}

bool same_bytes(const std::vector<double> &a, const std::vector<double> &b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

/// `step`: elements from one row of the source to the next; 0: rows do not overlap.
void run_case(uint64_t seed, Elem real, bool optimized, bool compiled, int64_t step = 0, bool sums = false) {
  RandomGraph graph(seed, real, sums);
  Function function = graph.build(14);
  if (optimized) function = passes::optimize(function, {});
  codegen::Layout layout;
  for (const Type &type : graph.tensors) layout.tensors.push_back({"t", type, 0});
  layout.sources.push_back({"data", real, {4, 3}, 0, step});
  layout.data = 1;
  codegen::place_tensors(layout);
  codegen::Entry entry = codegen::make_entry(function, layout, {.target = {test::test_cpu()}});
  const codegen::Entry one = codegen::for_one_example(entry);
  INFO("seed " << seed << "\n" << print(function) << "\n" << codegen::print(entry) << "\n" << codegen::print(one));
  std::optional<codegen::Loaded> loaded;
  if (compiled) loaded.emplace(codegen::Unit{{entry, one}, ""}, codegen::Target{test::test_cpu()});
  auto call = [&](const codegen::Entry &called, Memory &memory) {
    compiled ? reinterpret_cast<nnc_entry>(loaded->entry(called.name))(&memory.call, 0, 1)
             : codegen::evaluate(called, memory.call);
  };
  for (int64_t examples : {1, 3, 20}) {
    Memory memory(entry, layout, function, examples, seed + 1000);
    std::vector<Array> expected = reference(function, memory, layout, examples);
    call(entry, memory);
    compare(function, memory, layout, expected, examples, real == Elem::f64 ? 1e-11 : 1e-4);
    if (examples > 1) continue;
    Memory alone(entry, layout, function, examples, seed + 1000);
    call(one, alone);
    CHECK(same_bytes(alone.state, memory.state));
    for (size_t result = 0; result < memory.results.size(); ++result)
      CHECK(same_bytes(alone.results[result], memory.results[result]));
  }
}

} // namespace

TEST_CASE("kernels of random graphs, executed plainly, agree with the reference evaluator") {
  for (uint64_t seed = 0; seed < 400; ++seed) run_case(seed, Elem::f64, false, false);
}

TEST_CASE("kernels of random optimised graphs, executed plainly, agree with the reference evaluator") {
  for (uint64_t seed = 0; seed < 400; ++seed) run_case(seed, Elem::f64, true, false);
}

TEST_CASE("compiled kernels of random graphs agree with the reference evaluator") {
  for (uint64_t seed = 0; seed < 40; ++seed) run_case(seed, Elem::f64, true, true);
  for (uint64_t seed = 40; seed < 80; ++seed) run_case(seed, Elem::f32, true, true);
}

TEST_CASE("kernels of sums of sums, and of what lies among zeros, agree with the reference evaluator") {
  for (uint64_t seed = 0; seed < 400; ++seed) run_case(seed, Elem::f64, seed % 4 != 0, false, 0, true);
  for (uint64_t seed = 400; seed < 440; ++seed) run_case(seed, Elem::f64, true, true, 0, true);
}

TEST_CASE("kernels read windows, rows that overlap") {
  for (uint64_t seed = 0; seed < 100; ++seed) run_case(seed, Elem::f64, seed % 2 == 0, false, 3);
  for (uint64_t seed = 0; seed < 10; ++seed) run_case(seed, Elem::f32, true, true, 3);
}

} // namespace nnc
