// Attentions of many shapes: their kernels with steps, whole slabs and blocks of rows, against the reference evaluator, and the same bits for any
// number of threads.

#include "codegen/compile.h"
#include "codegen/index.h"
#include "codegen/kernel_evaluate.h"
#include "codegen/make_entry.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "passes/differentiate.h"
#include "passes/pass.h"
#include "runtime/team.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <random>

using namespace nnc;
using namespace nnc::ir;

namespace {

enum class Mask { none, causal, bias };

struct Shapes {
  int64_t queries, keys, heads, width;
  Mask mask;
  bool softmax, gradients;
  bool drops = false; // weights, by example, head, query and key
};

/// Weights of scores q·k over the keys times values, for [B, sequence, head, width], and its gradients for what depends on all of it and `g`.
class Attention {
public:
  explicit Attention(const Shapes &s) : s(s) {
    function.name = "function";
    const NodeId q = source(0, s.queries), k = source(1, s.keys), v = source(2, s.keys), g = source(3, s.queries);
    NodeId score = b.dot(q, k, {{0, 2}, {0, 2}, {3}, {3}}); // [B, head, query, key]
    score = b.mul(score, b.like(score, 1 / std::sqrt(static_cast<double>(s.width))));
    const Shape all = b.type(score).dims;
    if (s.mask == Mask::causal)
      score = b.select(b.binary(Op::less_equal, b.iota(all, 3), b.iota(all, 2)), score, b.like(score, -INFINITY));
    if (s.mask == Mask::bias)
      score = b.add(score, b.broadcast(b.constant({Elem::f32, {{s.queries}, {s.keys}}}, biases()), all, {2, 3}));
    NodeId weight = weights(score, all);
    if (s.drops) {
      NodeId sum = b.convert(b.iota(all, 0), Elem::f32);
      for (int axis = 1; axis < 4; ++axis) sum = b.add(b.mul(sum, b.like(sum, 1.7)), b.convert(b.iota(all, axis), Elem::f32));
      weight = b.select(b.binary(Op::less, b.unary(Op::sin, sum), b.like(sum, 0.3)), weight, b.like(weight, 0));
    }
    const NodeId mixed = b.dot(weight, v, {{0, 1}, {0, 2}, {3}, {1}}); // [B, head, query, width]
    const NodeId result = b.transpose(mixed, {0, 2, 1, 3});
    b.output({OutputKind::result, 0, "mixed", result});
    if (!s.gradients) return;
    // As in a network, the gradient depends on all heads' results.
    const NodeId all_heads = b.broadcast(b.reduce(ReduceKind::max, result, {2}), b.type(result).dims, {0, 1, 3});
    const std::vector<NodeId> gradients = passes::differentiate(b, result, b.mul(g, all_heads), std::vector{q, k, v});
    for (int i = 0; i < 3; ++i) b.output({OutputKind::result, i + 1, "gradient", gradients[i]});
  }

  Function function;

private:
  NodeId source(int slot, int64_t length) {
    return b.input({InputKind::source, slot, "x", no_node}, {Elem::f32, {{1, true}, {length}, {s.heads}, {s.width}}});
  }
  std::vector<double> biases() const {
    std::vector<double> values;
    for (int64_t i = 0; i < s.queries * s.keys; ++i) values.push_back(std::sin(static_cast<double>(i)));
    return values;
  }
  NodeId weights(NodeId score, const Shape &all) {
    if (!s.softmax) return b.unary(Op::tanh, score);
    const NodeId greatest = b.unary(Op::stop_gradient, b.reduce(ReduceKind::max, score, {3}));
    const NodeId e = b.unary(Op::exp, b.sub(score, b.broadcast(greatest, all, {0, 1, 2})));
    return b.div(e, b.broadcast(b.reduce(ReduceKind::add, e, {3}), all, {0, 1, 2}));
  }

  const Shapes s;
  Builder b{function};
};

/// Sources of three rows each, a scratch of NaN, and results.
struct Call {
  Call(const codegen::Entry &entry, const codegen::Layout &layout, const Function &function, int64_t examples)
      : arena(static_cast<size_t>(entry.arena_bytes.at(examples)) / 4 + 32, std::nanf("")) {
    std::mt19937_64 random(7);
    for (const codegen::SourceLayout &source : layout.sources) {
      int64_t count = 3;
      for (int64_t extent : source.row) count *= extent;
      std::vector<float> &values = data.emplace_back(count);
      for (float &value : values) value = static_cast<float>(std::uniform_real_distribution(-2.0, 2.0)(random));
      sources.push_back(values.data());
    }
    for (int64_t i = 0; i < examples; ++i) rows.push_back(static_cast<int32_t>((2 * i + 1) % 3));
    for (const Output &output : function.outputs)
      outputs.push_back(
          results.emplace_back(codegen::element_count_at(function.type(output.node).dims, examples), -77.0F).data());
    row_table = rows.data();
    call.arena = reinterpret_cast<unsigned char *>(reinterpret_cast<uintptr_t>(arena.data() + 16) / 64 * 64);
    call.sources = sources.data(), call.rows = &row_table, call.outputs = outputs.data();
    call.batch = examples, call.steps = 1, call.step = 1;
  }

  std::vector<float> arena;
  std::vector<std::vector<float>> data, results;
  std::vector<const void *> sources;
  std::vector<int32_t> rows;
  std::vector<void *> outputs;
  const int32_t *row_table;
  nnc_call call{};
};

void compare(const Call &got, const std::vector<Array> &expected) {
  for (size_t i = 0; i < expected.size(); ++i) {
    double largest = 1;
    for (double value : expected[i].values) largest = std::max(largest, std::fabs(value));
    for (size_t k = 0; k < expected[i].values.size(); ++k) {
      INFO("output " << i << " element " << k << ": " << got.results[i][k] << ", expected " << expected[i].values[k]);
      REQUIRE(std::fabs(got.results[i][k] - expected[i].values[k]) <= 2e-5 * largest);
    }
  }
}

struct Made {
  Function plain, function;
  codegen::Layout layout;
  codegen::Entry entry;
};

Made make(const Shapes &shapes, const codegen::SlabLimits &limits) {
  const Function plain = Attention(shapes).function, function = passes::optimize(plain, {});
  codegen::Layout layout;
  for (int64_t length : {shapes.queries, shapes.keys, shapes.keys, shapes.queries})
    layout.sources.push_back({"x", Elem::f32, {length, shapes.heads, shapes.width}, 0, 0});
  layout.data = 1;
  return {plain, function, layout, codegen::make_entry(function, layout, {.slabs = limits})};
}

/// The kernels with steps of an attention, whose results are checked.
int check(const Shapes &shapes, const codegen::SlabLimits &limits, bool compiled) {
  const auto &[plain, function, layout, entry] = make(shapes, limits);
  INFO(print(function) << "\n" << codegen::print(entry));
  const int64_t examples = 3;
  Call call(entry, layout, function, examples);
  const std::vector<Array> expected = evaluate(plain, examples, [&](const Input &input, const Type &type) {
    Array array{type.elem, {}, {}};
    for (const Extent &extent : type.dims) array.dims.push_back(extent.at(examples));
    const std::vector<float> &data = call.data[input.slot];
    const size_t row = data.size() / 3;
    for (int32_t from : call.rows)
      array.values.insert(array.values.end(), data.begin() + from * row, data.begin() + (from + 1) * row);
    return array;
  });
  if (compiled) {
    codegen::Loaded loaded(codegen::Unit{{entry}, ""}, codegen::Target{});
    const auto code = reinterpret_cast<nnc_entry>(loaded.entry("function"));
    code(&call.call, 0, 1);
    for (int threads : {2, 3}) {
      Call other(entry, layout, function, examples);
      runtime::Team(threads).run(code, other.call);
      for (size_t i = 0; i < call.results.size(); ++i)
        CHECK(std::memcmp(call.results[i].data(), other.results[i].data(), call.results[i].size() * sizeof(float)) == 0);
    }
  } else {
    codegen::evaluate(entry, call.call);
  }
  compare(call, expected);
  int count = 0;
  for (const codegen::Kernel &kernel : entry.kernels) count += !kernel.steps.empty();
  const codegen::Size scores = codegen::Size::power(shapes.heads * shapes.queries * shapes.keys, 1);
  for (const codegen::Kernel &kernel : entry.kernels)
    for (const codegen::Instruction &value : kernel.values)
      if (count > 0 && value.code == codegen::Code::store) CHECK(!(entry.buffers[value.access.buffer].elements == scores));
  return count;
}

/// The steps of an attention that leave out what is above the diagonal.
int steps_in_triangles(const Shapes &shapes, const codegen::SlabLimits &limits) {
  const codegen::Entry entry = make(shapes, limits).entry;
  int count = 0;
  for (const codegen::Kernel &kernel : entry.kernels)
    for (const codegen::Step &step : kernel.steps)
      for (const codegen::Kernel &part : step.kernels) count += part.triangle.has_value();
  return count;
}

/// The operands of an attention that are packed for all blocks of a slab.
int packings(const Shapes &shapes, const codegen::SlabLimits &limits) {
  const codegen::Entry entry = make(shapes, limits).entry;
  int count = 0;
  for (const codegen::Kernel &kernel : entry.kernels)
    for (size_t step = 0; step < kernel.steps.size(); ++step)
      for (const codegen::Kernel &part : kernel.steps[step].kernels) {
        if (part.packing) CHECK(step == 0);
        count += part.packing.has_value();
      }
  return count;
}

constexpr codegen::SlabLimits whole{1, 1 << 20, 0};

/// So little scratch that slabs go in blocks of as few rows as there may be.
constexpr codegen::SlabLimits blocks{1, 512, 1};

} // namespace

TEST_CASE("attentions run slab by slab", "[slabs]") {
  for (const Shapes &shapes :
       {Shapes{9, 9, 3, 2, Mask::causal, true, true}, Shapes{17, 11, 2, 3, Mask::none, true, true},
        Shapes{20, 33, 2, 4, Mask::bias, true, true}, Shapes{16, 16, 2, 4, Mask::none, false, true},
        Shapes{40, 24, 2, 5, Mask::causal, true, false}, Shapes{18, 24, 2, 3, Mask::causal, true, true, true}}) {
    CHECK(check(shapes, whole, false) == (shapes.gradients ? 2 : 1));
    CHECK(check(shapes, whole, true) == (shapes.gradients ? 2 : 1));
  }
}

TEST_CASE("causal attentions stay below the diagonal", "[slabs]") {
  // Scores, softmax, mixture; scores again and their gradient, softmax again, its gradient, the gradients of values, keys and queries.
  const Shapes shapes[] = {{64, 64, 2, 3, Mask::causal, true, true},
                           {100, 100, 2, 5, Mask::causal, true, true},
                           {129, 129, 2, 33, Mask::causal, true, true},
                           {70, 70, 2, 4, Mask::causal, true, true, true}};
  for (const Shapes &of : shapes) {
    CHECK(steps_in_triangles(of, whole) == 10);
    CHECK(check(of, whole, false) == 2);
    CHECK(check(of, whole, true) == 2);
  }
  CHECK(steps_in_triangles({100, 100, 2, 5, Mask::causal, true, false}, whole) == 3);
  CHECK(check({100, 100, 2, 5, Mask::causal, true, false}, whole, true) == 1);
  // What a tanh makes of -inf is no 0; queries and keys that do not match have no diagonal; few are not worth it.
  CHECK(steps_in_triangles({64, 64, 2, 4, Mask::causal, false, true}, whole) == 0);
  CHECK(steps_in_triangles({64, 96, 2, 4, Mask::causal, true, true}, whole) == 0);
  CHECK(steps_in_triangles({32, 32, 2, 4, Mask::causal, true, true}, whole) == 0);
  CHECK(steps_in_triangles({64, 64, 2, 4, Mask::bias, true, true}, whole) == 0);
  CHECK(check({64, 96, 2, 4, Mask::causal, true, true}, whole, true) == 2);
}

TEST_CASE("attentions with long sequences run in blocks of rows", "[slabs]") {
  for (const Shapes &shapes : {Shapes{24, 24, 3, 2, Mask::causal, true, true}, Shapes{29, 21, 2, 3, Mask::none, true, true},
                               Shapes{19, 33, 2, 4, Mask::bias, true, true}, Shapes{35, 16, 2, 4, Mask::causal, false, true},
                               Shapes{30, 24, 2, 3, Mask::bias, true, true, true}}) {
    CHECK(check(shapes, blocks, false) == 2);
    CHECK(check(shapes, blocks, true) == 2);
  }
}

TEST_CASE("blocks of a causal attention's rows end at the diagonal", "[slabs]") {
  // Blocks of 32 rows and what is left: 4, 1, 6 and none.
  for (const Shapes &shapes :
       {Shapes{100, 100, 2, 5, Mask::causal, true, true}, Shapes{129, 129, 2, 33, Mask::causal, true, true},
        Shapes{70, 70, 2, 4, Mask::causal, true, true, true}}) {
    CHECK(steps_in_triangles(shapes, blocks) == 20);
    CHECK(check(shapes, blocks, false) == 2);
    CHECK(check(shapes, blocks, true) == 2);
  }
  CHECK(steps_in_triangles({96, 96, 2, 4, Mask::causal, true, true}, blocks) == 10);
  CHECK(check({96, 96, 2, 4, Mask::causal, true, true}, blocks, true) == 2);
  CHECK(steps_in_triangles({96, 64, 2, 4, Mask::causal, true, true}, blocks) == 0);
  CHECK(check({96, 64, 2, 4, Mask::causal, true, true}, blocks, true) == 2);
}

TEST_CASE("blocks of rows share the panels of a slab", "[slabs]") {
  // The keys; the keys and the values for the gradient of the weights, and the keys again, where they lie far apart, for that of the queries.
  const Shapes near{40, 50, 2, 6, Mask::none, true, true}, far{200, 90, 9, 32, Mask::bias, true, true};
  CHECK(packings(near, blocks) == 3);
  CHECK(packings(near, whole) == 0);
  constexpr codegen::SlabLimits some{1, 512, 30 << 10};
  CHECK(packings(far, some) == 5);
  for (bool compiled : {false, true}) {
    CHECK(check(near, blocks, compiled) == 2);
    CHECK(check(far, some, compiled) == 2);
  }
}

TEST_CASE("a product too small for calls has kernels of its own", "[slabs]") {
  CHECK(check(Shapes{8, 8, 2, 2, Mask::none, true, false}, codegen::SlabLimits{}, false) == 0);
}
