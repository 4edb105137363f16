// Kernels written by hand, compiled and run, against their plain execution: the same bits for operations that round once each, within
// the bound of their roundings for sums and elementary functions, and the same bits for any number of threads.
#include "codegen/compile.h"
#include "codegen/kernel_evaluate.h"
#include "runtime/team.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <random>

using namespace nnc;
using namespace nnc::codegen;
using ir::Elem;
using ir::Op;
using ir::ReduceKind;

namespace {

const Size B = Size::power(1, 1);

/// An entry under construction; values go to the last stage of the last kernel.
struct Draft {
  Entry entry;
  Size arena_end;

  Draft() { entry.name = "test"; }

  /// A buffer of the arena, apart from others by at least 64 bytes.
  BufferId buffer(Elem elem, Size elements) {
    Size bytes = elements * Size(ir::bytes(elem)), rounded;
    for (int i = 0; i < 3; ++i) rounded.c[i] = (bytes.c[i] + 63) / 64 * 64;
    entry.buffers.push_back({Space::arena, 0, arena_end, elem, elements, "b"});
    arena_end = arena_end + rounded + Size(64);
    entry.arena_bytes = arena_end;
    return static_cast<BufferId>(entry.buffers.size()) - 1;
  }
  BufferId place(Space space, int number, Elem elem, Size elements) {
    entry.buffers.push_back({space, number, 0, elem, elements, "b"});
    return static_cast<BufferId>(entry.buffers.size()) - 1;
  }

  Kernel &kernel() { return entry.kernels.back(); }
  Kernel &kernel(std::vector<Size> axes, Lanes lanes = Lanes::outer) {
    Kernel k;
    k.name = "k" + std::to_string(entry.kernels.size());
    k.axes = std::move(axes);
    k.lanes = lanes;
    entry.kernels.push_back(std::move(k));
    return kernel();
  }
  void stage(std::vector<Size> axes = {}) { kernel().stages.push_back({std::move(axes), {}}); }

  ValueId add(Instruction i) {
    kernel().values.push_back(std::move(i));
    ValueId id = static_cast<ValueId>(kernel().values.size()) - 1;
    kernel().stages.back().code.push_back(id);
    return id;
  }
  Elem elem(ValueId id) { return kernel().values[id].elem; }
  ValueId constant(Elem e, double value) {
    Instruction i;
    i.code = Code::constant, i.elem = e, i.value = value;
    return add(i);
  }
  ValueId axis(int number) {
    Instruction i;
    i.code = Code::axis, i.elem = Elem::i32, i.axis = number;
    return add(i);
  }
  ValueId call(ir::InputKind kind) {
    Instruction i;
    i.code = Code::call_value, i.elem = Elem::i32, i.input = kind;
    return add(i);
  }
  ValueId load(Access access) {
    Instruction i;
    i.code = Code::load, i.elem = entry.buffers[access.buffer].elem, i.access = std::move(access);
    return add(i);
  }
  ValueId scalar(Op op, Elem e, std::vector<ValueId> operands) {
    Instruction i;
    i.code = Code::scalar, i.elem = e, i.op = op, i.operands = std::move(operands);
    return add(i);
  }
  ValueId scalar(Op op, std::vector<ValueId> operands) { return scalar(op, elem(operands.back()), operands); }
  ValueId reduce(ReduceKind kind, std::vector<ValueId> operands) {
    Instruction i;
    i.code = Code::reduce, i.elem = elem(operands[0]), i.reduce = kind, i.operands = std::move(operands);
    return add(i);
  }
  ValueId argreduce(ReduceKind kind, ValueId operand) {
    Instruction i;
    i.code = Code::argreduce, i.elem = Elem::i32, i.reduce = kind, i.operands = {operand};
    return add(i);
  }
  ValueId accumulator(Elem e) {
    Instruction i;
    i.code = Code::accumulator, i.elem = e;
    return add(i);
  }
  void store(ValueId value, Access access, Code code = Code::store) {
    Instruction i;
    i.code = code, i.elem = elem(value), i.operands = {value}, i.access = std::move(access);
    add(i);
  }
};

Access at(BufferId buffer, std::vector<Size> strides, Size constant = 0, std::vector<std::pair<ValueId, Size>> indirect = {}) {
  return {buffer, constant, std::move(strides), std::move(indirect)};
}

/// Memory for one call, filled by `fill(buffer, element)`.
struct CallMemory {
  std::vector<unsigned char> arena;
  std::vector<unsigned char> data; // source 0
  std::vector<int32_t> rows;       // data clause 0
  std::vector<double> costs, reports, settings{0.5};
  const void *source = nullptr;
  const int32_t *row_table = nullptr;
  void *output = nullptr;
  int32_t stop = 0;
  nnc_call call{};

  CallMemory(const Entry &entry, int64_t examples, int64_t steps, unsigned seed) {
    std::mt19937 random(seed);
    arena.assign(entry.arena_bytes.at(examples) + 64, 0xA5);
    auto real = [&] { return static_cast<double>(static_cast<int>(random() % 4001) - 2000) / 512; };
    for (const Buffer &buffer : entry.buffers) {
      if (buffer.space != Space::arena) continue;
      unsigned char *start = base() + buffer.offset.at(examples);
      for (int64_t i = 0; i < buffer.elements.at(examples); ++i) {
        if (buffer.elem == Elem::f32) reinterpret_cast<float *>(start)[i] = static_cast<float>(real());
        if (buffer.elem == Elem::f64) reinterpret_cast<double *>(start)[i] = real();
        if (buffer.elem == Elem::i32) reinterpret_cast<int32_t *>(start)[i] = static_cast<int32_t>(random() % 7);
        if (buffer.elem == Elem::boolean) start[i] = random() % 2;
        if (buffer.elem == Elem::u8) start[i] = static_cast<unsigned char>(random());
      }
    }
    data.resize(1 << 14);
    for (auto &byte : data) byte = static_cast<unsigned char>(random());
    for (int64_t i = 0; i < examples * steps; ++i) rows.push_back(static_cast<int32_t>(random() % 100));
    costs.assign(steps * entry.costs + 1, 0.25);
    reports.assign(steps * entry.reports + 1, 0.25);
    source = data.data(), row_table = rows.data();
    call.arena = base(), call.state = base();
    call.sources = &source, call.rows = &row_table, call.settings = settings.data(), call.costs = costs.data(),
    call.reports = reports.data();
    call.stop = &stop, call.batch = examples, call.steps = steps, call.step = 5, call.total_steps = 100, call.epoch = 3;
    call.seed = 0x123456789abcdef1u;
  }
  unsigned char *base() { return arena.data() + (64 - reinterpret_cast<uintptr_t>(arena.data()) % 64) % 64; }

  double read(const Buffer &buffer, int64_t i) {
    const unsigned char *start = base() + buffer.offset.at(call.batch);
    switch (buffer.elem) {
    case Elem::f32: return reinterpret_cast<const float *>(start)[i];
    case Elem::f64: return reinterpret_cast<const double *>(start)[i];
    case Elem::i32: return reinterpret_cast<const int32_t *>(start)[i];
    default: return start[i];
    }
  }
};

/// Whether all bytes of the arenas agree; where `tolerance` is set, floats within it (relative to 1 + |expected|).
void compare(const Entry &entry, CallMemory &expected, CallMemory &found, double tolerance) {
  size_t bytes = entry.arena_bytes.at(expected.call.batch);
  std::vector<bool> inside(bytes, false);
  for (const Buffer &buffer : entry.buffers) {
    if (buffer.space != Space::arena) continue;
    int64_t start = buffer.offset.at(expected.call.batch), wrong = 0;
    for (int64_t i = 0; i < buffer.elements.at(expected.call.batch); ++i) {
      double want = expected.read(buffer, i), got = found.read(buffer, i);
      bool same = (std::isnan(want) && std::isnan(got)) || want == got;
      bool near = tolerance > 0 && ir::is_float(buffer.elem) && std::fabs(want - got) <= tolerance * (1 + std::fabs(want));
      if (!same && !near && wrong++ == 0) {
        INFO("buffer at " << start << ", element " << i << ": expected " << want << ", found " << got << ", B "
                          << expected.call.batch);
        CHECK(false);
      }
      std::fill_n(inside.begin() + start + i * ir::bytes(buffer.elem), ir::bytes(buffer.elem), true);
    }
    CHECK(wrong == 0);
  }
  bool strays = false;
  for (size_t i = 0; i < bytes; ++i) strays |= !inside[i] && found.base()[i] != 0xA5;
  CHECK_FALSE(strays);
}

struct Options {
  double least_shared_work = 0;
  double tolerance = 0;
  std::vector<int64_t> examples = {1, 2, 7, 33, 128};
  int64_t steps = 1;
  std::vector<std::string> cpus = {"native", "x86-64-v3", "x86-64-v2"};
};

void check(Draft draft, const Options &options = {}) {
  INFO(print(draft.entry));
  REQUIRE(verify(draft.entry) == "");
  for (const std::string &cpu : options.cpus) {
    INFO(cpu);
    Loaded loaded({{draft.entry}, "{}"}, {cpu, options.least_shared_work});
    auto entry = reinterpret_cast<nnc_entry>(loaded.entry("test"));
    REQUIRE(entry);
    for (int64_t examples : options.examples) {
      CallMemory expected(draft.entry, examples, options.steps, 7), one(draft.entry, examples, options.steps, 7);
      evaluate(draft.entry, expected.call);
      entry(&one.call, 0, 1);
      compare(draft.entry, expected, one, options.tolerance);
      CHECK(one.call.done == expected.call.done);
      for (int threads : {2, 3}) {
        CallMemory many(draft.entry, examples, options.steps, 7);
        runtime::Team(threads).run(entry, many.call);
        CHECK(many.call.done == one.call.done);
        bool same_bits = std::memcmp(one.base(), many.base(), draft.entry.arena_bytes.at(examples)) == 0;
        CHECK(same_bits);
        CHECK(many.costs == one.costs);
        CHECK(many.reports == one.reports);
      }
    }
  }
}

/// c[m, n] = Σ a[m, k]·b[k, n] with an epilogue that adds a row and keeps what is above 0.
Draft matrix_product(Elem elem, Size m, Size n, Size k, bool a_transposed, bool b_transposed, bool epilogue = true) {
  Draft d;
  BufferId a = d.buffer(elem, m * k), b = d.buffer(elem, k * n), bias = d.buffer(elem, n), c = d.buffer(elem, m * n);
  Kernel &kernel = d.kernel({});
  kernel.contraction = Contraction{m, n, {k}, {}, {}, elem};
  kernel.contraction->a = a_transposed ? at(a, {1, 0, m}) : at(a, {k, 0, 1});
  kernel.contraction->b = b_transposed ? at(b, {0, k, 1}) : at(b, {0, 1, n});
  d.stage({m, n});
  ValueId y = d.accumulator(elem);
  if (epilogue) y = d.scalar(Op::max, {d.scalar(Op::add, {y, d.load(at(bias, {0, 1}))}), d.constant(elem, 0)});
  d.store(y, at(c, {n, 1}));
  return d;
}

} // namespace

TEST_CASE("a map over contiguous memory", "[lower]") {
  for (Elem elem : {Elem::f32, Elem::f64}) {
    Draft d;
    BufferId x = d.buffer(elem, B * 10), y = d.buffer(elem, B * 10), z = d.buffer(elem, B * 10);
    d.kernel({B * 10});
    d.stage();
    ValueId a = d.load(at(x, {1})), b = d.load(at(y, {1}));
    ValueId product = d.scalar(Op::mul, {a, b});
    d.store(d.scalar(Op::sub, {d.scalar(Op::add, {product, a}), d.scalar(Op::div, {a, b})}), at(z, {1}));
    check(d);
  }
}

TEST_CASE("elementwise operations round once", "[lower]") {
  Draft d;
  BufferId x = d.buffer(Elem::f32, B * 3), y = d.buffer(Elem::f32, B * 3);
  d.kernel({B * 3});
  d.stage();
  ValueId a = d.load(at(x, {1})), b = d.load(at(y, {1})), zero = d.constant(Elem::f32, 0);
  auto keep = [&](ValueId value) {
    BufferId to = d.buffer(d.elem(value), B * 3);
    d.store(value, at(to, {1}));
  };
  ValueId nan = d.scalar(Op::div, {zero, zero});
  for (Op op : {Op::add, Op::sub, Op::mul, Op::zmul, Op::div, Op::min, Op::max}) {
    keep(d.scalar(op, {a, b}));
    keep(d.scalar(op, {zero, b}));
    keep(d.scalar(op, {a, zero}));
    keep(d.scalar(op, {a, nan}));
    keep(d.scalar(op, {nan, b}));
  }
  for (Op op : {Op::equal, Op::not_equal, Op::less, Op::less_equal}) {
    keep(d.scalar(op, Elem::boolean, {d.scalar(Op::round, {a}), d.scalar(Op::round, {b})}));
    keep(d.scalar(op, Elem::boolean, {a, nan}));
  }
  for (Op op : {Op::neg, Op::abs, Op::sign, Op::floor, Op::ceil, Op::round, Op::copy, Op::sqrt}) keep(d.scalar(op, {a}));
  keep(d.scalar(Op::is_finite, Elem::boolean, {d.scalar(Op::div, {a, zero})}));
  keep(d.scalar(Op::sign, {nan}));
  ValueId less = d.scalar(Op::less, Elem::boolean, {a, b}), negative = d.scalar(Op::less, Elem::boolean, {a, zero});
  keep(d.scalar(Op::logical_and, {less, negative}));
  keep(d.scalar(Op::logical_or, {less, negative}));
  keep(d.scalar(Op::logical_not, {less}));
  keep(d.scalar(Op::select, {less, a, b}));
  keep(d.scalar(Op::convert, Elem::f32, {less}));
  keep(d.scalar(Op::convert, Elem::f64, {a}));
  keep(d.scalar(Op::convert, Elem::boolean, {a}));
  ValueId whole = d.scalar(Op::convert, Elem::i32, {d.scalar(Op::mul, {a, d.constant(Elem::f32, 1e9)})});
  keep(whole);
  keep(d.scalar(Op::convert, Elem::i32, {nan}));
  keep(d.scalar(Op::convert, Elem::f32, {whole}));
  ValueId other = d.scalar(Op::convert, Elem::i32, {b});
  for (Op op : {Op::add, Op::sub, Op::mul, Op::min, Op::max, Op::bit_and, Op::bit_xor, Op::shift_right})
    keep(d.scalar(op, {whole, other}));
  for (Op op : {Op::neg, Op::abs, Op::sign}) keep(d.scalar(op, {whole}));
  for (Op op : {Op::equal, Op::less, Op::less_equal}) keep(d.scalar(op, Elem::boolean, {whole, other}));
  check(d, {.examples = {1, 7, 33}});
}

TEST_CASE("elementary functions", "[lower]") {
  for (Elem elem : {Elem::f32, Elem::f64}) {
    Draft d;
    BufferId x = d.buffer(elem, B * 3);
    d.kernel({B * 3});
    d.stage();
    ValueId a = d.load(at(x, {1})), positive = d.scalar(Op::abs, {a});
    for (Op op : {Op::exp, Op::tanh, Op::erf, Op::sin, Op::cos}) {
      ValueId y = d.scalar(op, {a});
      d.store(y, at(d.buffer(elem, B * 3), {1}));
    }
    for (Op op : {Op::log, Op::sqrt, Op::rsqrt}) {
      ValueId y = d.scalar(op, {d.scalar(Op::add, {positive, d.constant(elem, 0.01)})});
      d.store(y, at(d.buffer(elem, B * 3), {1}));
    }
    ValueId cube = d.scalar(Op::pow, {a, d.constant(elem, 3)}), power = d.scalar(Op::pow, {positive, a});
    d.store(cube, at(d.buffer(elem, B * 3), {1}));
    d.store(power, at(d.buffer(elem, B * 3), {1}));
    check(d, {.tolerance = elem == Elem::f32 ? 1e-6 : 1e-14, .examples = {1, 7, 33}});
  }
}

TEST_CASE("broadcast, transposed and strided accesses", "[lower]") {
  Draft d;
  BufferId matrix = d.buffer(Elem::f32, B * 6), row = d.buffer(Elem::f32, 6), column = d.buffer(Elem::f32, B);
  BufferId transposed = d.buffer(Elem::f32, B * 6), sum = d.buffer(Elem::f32, B * 12);
  d.kernel({B, 6});
  d.stage();
  ValueId x = d.load(at(matrix, {6, 1}));
  ValueId y = d.scalar(Op::add, {x, d.load(at(row, {0, 1}))}), z = d.scalar(Op::add, {y, d.load(at(column, {1}))});
  d.store(z, at(transposed, {1, B}));
  d.store(d.scalar(Op::mul, {z, d.load(at(matrix, {6, -1}, 5))}), at(sum, {12, 2}, 1));
  check(d);
}

TEST_CASE("rows of a source in the order of a row table, bytes converted", "[lower]") {
  for (Lanes lanes : {Lanes::outer, Lanes::inner}) {
    Draft d;
    BufferId source = d.place(Space::source, 0, Elem::u8, 100 * 5), rows = d.place(Space::rows, 0, Elem::i32, B);
    BufferId y = d.buffer(Elem::f32, B * 5), labels = d.buffer(Elem::i32, B);
    if (lanes == Lanes::outer) {
      d.kernel({B, 5});
      d.stage();
    } else {
      d.kernel({B}, Lanes::inner);
      d.stage({5});
    }
    ValueId row = d.load(at(rows, {1}));
    ValueId byte = d.load(at(source, {0, 1}, 0, {{row, 5}}));
    ValueId real = d.scalar(Op::convert, Elem::f32, {byte});
    d.store(d.scalar(Op::div, {real, d.constant(Elem::f32, 16)}), at(y, {5, 1}));
    d.kernel({B});
    d.stage();
    ValueId number = d.load(at(rows, {1}));
    ValueId label = d.load(at(source, {}, 4, {{number, 5}}));
    d.store(d.scalar(Op::convert, Elem::i32, {label}), at(labels, {1}));
    check(d);
  }
}

TEST_CASE("softmax of rows in three stages", "[lower]") {
  for (int64_t columns : {1, 3, 10, 16, 65, 200}) {
    Draft d;
    BufferId x = d.buffer(Elem::f32, B * columns), y = d.buffer(Elem::f32, B * columns), logs = d.buffer(Elem::f32, B);
    d.kernel({B}, Lanes::inner);
    d.stage({columns});
    ValueId most = d.reduce(ReduceKind::max, {d.load(at(x, {columns, 1}))});
    d.stage({columns});
    ValueId power = d.scalar(Op::exp, {d.scalar(Op::sub, {d.load(at(x, {columns, 1})), most})});
    d.store(power, at(y, {columns, 1}));
    ValueId total = d.reduce(ReduceKind::add, {power});
    d.stage();
    d.store(d.scalar(Op::add, {d.scalar(Op::log, {total}), most}), at(logs, {1}));
    d.stage({columns});
    d.store(d.scalar(Op::div, {d.load(at(y, {columns, 1})), total}), at(y, {columns, 1}));
    check(d, {.tolerance = 2e-6, .examples = {1, 7, 33}});
  }
}

TEST_CASE("sums over leading and trailing axes, and of products", "[lower]") {
  for (Elem elem : {Elem::f32, Elem::f64}) {
    Draft d;
    BufferId x = d.buffer(elem, B * 35), columns = d.buffer(elem, 35), rows = d.buffer(elem, B), all = d.buffer(elem, 1),
             dots = d.buffer(elem, B);
    d.kernel({35});
    d.stage({B});
    ValueId column = d.reduce(ReduceKind::add, {d.load(at(x, {1, 35}))});
    d.stage();
    d.store(column, at(columns, {1}));
    d.kernel({B}, Lanes::inner);
    d.stage({5, 7});
    ValueId a = d.load(at(x, {35, 7, 1}));
    ValueId sum = d.reduce(ReduceKind::add, {a}), squares = d.reduce(ReduceKind::add, {a, a});
    d.stage();
    d.store(sum, at(rows, {1}));
    d.store(squares, at(dots, {1}));
    d.kernel({}, Lanes::inner);
    d.stage({B * 35});
    ValueId everything = d.reduce(ReduceKind::add, {d.load(at(x, {1}))});
    d.stage();
    d.store(everything, at(all, {}));
    check(d, {.tolerance = elem == Elem::f32 ? 1e-4 : 1e-12});
  }
}

TEST_CASE("the first of the greatest, NaN first", "[lower]") {
  for (Lanes lanes : {Lanes::outer, Lanes::inner})
    for (int64_t columns : {1, 5, 16, 70}) {
      Draft d;
      BufferId x = d.buffer(Elem::i32, B * columns), best = d.buffer(Elem::i32, B), least = d.buffer(Elem::i32, B);
      BufferId value = d.buffer(Elem::f32, B), product = d.buffer(Elem::i32, B), lowest = d.buffer(Elem::i32, B);
      d.kernel({B}, lanes);
      d.stage({columns});
      ValueId whole = d.load(at(x, {columns, 1})), six = d.constant(Elem::i32, 6);
      ValueId real = d.scalar(Op::convert, Elem::f32, {whole}), zero = d.constant(Elem::f32, 0);
      ValueId special =
          d.scalar(Op::select, {d.scalar(Op::equal, Elem::boolean, {whole, six}), d.scalar(Op::div, {zero, zero}), real});
      ValueId greatest = d.argreduce(ReduceKind::max, real), smallest = d.argreduce(ReduceKind::min, special);
      ValueId most = d.reduce(ReduceKind::max, {special}), times = d.reduce(ReduceKind::mul, {whole});
      ValueId first = d.argreduce(ReduceKind::max, d.scalar(Op::sub, {d.constant(Elem::f32, -INFINITY), real}));
      d.stage();
      d.store(first, at(lowest, {1}));
      d.store(greatest, at(best, {1}));
      d.store(smallest, at(least, {1}));
      d.store(most, at(value, {1}));
      d.store(times, at(product, {1}));
      check(d);
    }
}

TEST_CASE("the first of the greatest over two axes is numbered in row-major order", "[lower]") {
  for (Lanes lanes : {Lanes::outer, Lanes::inner})
    for (int64_t columns : {1, 3, 20}) {
      Draft d;
      BufferId x = d.buffer(Elem::i32, B * 4 * columns), best = d.buffer(Elem::i32, B);
      d.kernel({B}, lanes);
      d.stage({4, columns});
      ValueId greatest = d.argreduce(ReduceKind::max, d.load(at(x, {4 * columns, 1, 4})));
      d.stage();
      d.store(greatest, at(best, {1}));
      check(d);
    }
}

TEST_CASE("a scatter adds in order", "[lower]") {
  for (int64_t width : {1, 3, 40})
    for (Lanes lanes : {Lanes::outer, Lanes::inner}) {
      Draft d;
      BufferId index = d.buffer(Elem::i32, B), updates = d.buffer(Elem::f32, B * width), table = d.buffer(Elem::f32, 7 * width);
      BufferId counts = d.buffer(Elem::f32, 7);
      d.kernel({width}, lanes);
      d.stage({B});
      ValueId row = d.load(at(index, {0, 1}));
      d.store(d.load(at(updates, {1, width})), at(table, {1}, 0, {{row, width}}), Code::store_add);
      d.kernel({}, lanes);
      d.stage({B});
      ValueId again = d.load(at(index, {1}));
      d.store(d.constant(Elem::f32, 0.1), at(counts, {}, 0, {{again, 1}}), Code::store_add);
      check(d);
    }
}

TEST_CASE("random bits are Philox's", "[lower]") {
  Draft d;
  BufferId x = d.buffer(Elem::i32, B * 9);
  d.kernel({B, 9});
  d.stage();
  Instruction draw;
  draw.code = Code::scalar, draw.elem = Elem::i32, draw.op = Op::random_bits, draw.random = {0x8877665544332211u, 2};
  draw.operands = {d.call(ir::InputKind::seed_low), d.call(ir::InputKind::seed_high),
                   d.call(ir::InputKind::step),     d.axis(0),
                   d.constant(Elem::i32, 77),       d.axis(1)};
  d.store(d.add(draw), at(x, {9, 1}));
  check(d);
}

TEST_CASE("what is drawn for the elements of a matrix", "[lower]") {
  for (std::vector<int64_t> extents : {std::vector<int64_t>{5, 7}, {40}, {3, 2, 33}, {100}}) {
    Draft d;
    std::vector<Size> axes, strides;
    int64_t points = 1;
    for (size_t axis = extents.size(); axis-- > 0; points *= extents[axis])
      axes.insert(axes.begin(), Size(extents[axis])), strides.insert(strides.begin(), Size(points));
    BufferId x = d.buffer(Elem::f32, points);
    d.kernel(axes);
    d.stage();
    ValueId number = d.axis(0);
    for (size_t axis = 1; axis < axes.size(); ++axis)
      number = d.scalar(Op::add, {d.scalar(Op::mul, {number, d.constant(Elem::i32, static_cast<double>(extents[axis]))}),
                                  d.axis(static_cast<int>(axis))});
    Instruction draw;
    draw.code = Code::scalar, draw.elem = Elem::i32, draw.op = Op::random_bits, draw.random = {0x8877665544332211u, 0};
    ValueId zero = d.constant(Elem::i32, 0);
    draw.operands = {d.call(ir::InputKind::seed_low), d.call(ir::InputKind::seed_high), zero, zero, zero, number};
    ValueId bits = d.scalar(Op::convert, Elem::f32, {d.scalar(Op::shift_right, {d.add(draw), d.constant(Elem::i32, 8)})});
    ValueId scaled = d.scalar(Op::mul, {bits, d.constant(Elem::f32, 0.1 * static_cast<double>(points))});
    d.store(d.scalar(Op::sub, {scaled, d.constant(Elem::f32, 0.3)}), at(x, strides));
    check(d);
  }
}

TEST_CASE("matrix products of any size and layout", "[lower]") {
  struct Sizes {
    Size m, n, k;
  };
  Options options{.tolerance = 1e-5, .examples = {3}};
  for (auto [m, n, k] : {Sizes{1, 1, 1}, {5, 3, 7}, {12, 32, 16}, {13, 33, 17}, {25, 10, 64}, {64, 48, 33}, {37, 100, 5}})
    for (int layout = 0; layout < 4; ++layout) check(matrix_product(Elem::f32, m, n, k, layout & 1, layout & 2), options);
  options.examples = {1, 2, 7, 33};
  check(matrix_product(Elem::f32, B, 32, 64, false, false), options);
  check(matrix_product(Elem::f32, 64, 32, B, true, false), options);
  check(matrix_product(Elem::f32, B, 64, 32, false, true), options);
  check(matrix_product(Elem::f32, 20, B, 31, false, true), options);
  check(matrix_product(Elem::f32, B, 1, 40, false, false), options); // lanes along m
  check(matrix_product(Elem::f32, 40, 3, B, true, false), options);
  check(matrix_product(Elem::f32, 70, 300, B, true, false), options); // b packed, k in chunks
  options.tolerance = 1e-13;
  for (int layout = 0; layout < 4; ++layout) check(matrix_product(Elem::f64, B, 19, 23, layout & 1, layout & 2), options);
}

TEST_CASE("a matrix product is one chain of fused multiply-adds", "[lower]") {
  for (Elem elem : {Elem::f32, Elem::f64})
    for (int layout = 0; layout < 4; ++layout)
      check(matrix_product(elem, 29, 45, 1100, layout & 1, layout & 2, false),
            {.examples = {1}, .cpus = {"native", "x86-64-v3"}});
}

TEST_CASE("a long summed axis within another goes in chunks too", "[lower]") {
  // Rows of 256 of which 24 are summed, and one row more than there are points: the axes are no single stretch.
  const int64_t rows = 1500;
  Draft d;
  BufferId a = d.buffer(Elem::f32, B * Size((rows + 1) * 256)), b = d.buffer(Elem::f32, B * Size(rows * 20)),
           c = d.buffer(Elem::f32, Size(24 * 20));
  Kernel &kernel = d.kernel({});
  kernel.contraction = Contraction{24, 20, {B, rows}, {}, {}, Elem::f32};
  kernel.contraction->a = at(a, {1, 0, (rows + 1) * 256, 256});
  kernel.contraction->b = at(b, {0, 1, rows * 20, 20});
  d.stage({24, 20});
  d.store(d.accumulator(Elem::f32), at(c, {20, 1}));
  check(d, {.examples = {1, 3}, .cpus = {"native", "x86-64-v3"}});
}

TEST_CASE("k in several chunks is still one chain", "[lower]") {
  Options options{.examples = {1, 20, 4500}, .cpus = {"native"}};
  check(matrix_product(Elem::f32, 26, 40, 4500, false, true, false), {.examples = {1}, .cpus = {"native", "x86-64-v3"}});
  check(matrix_product(Elem::f32, 26, 40, B, true, true, false), options);
}

TEST_CASE("contractions over outer axes, windows and gathered rows", "[lower]") {
  // A convolution of [B, 9, 9, 3] with [3, 3, 3, 20]: outer (B, row), m the column, k (3, 3, 3).
  Draft d;
  BufferId x = d.buffer(Elem::f32, B * 243), w = d.buffer(Elem::f32, 540), y = d.buffer(Elem::f32, B * 980);
  Kernel &kernel = d.kernel({B, 7});
  kernel.contraction =
      Contraction{7, 20, {3, 3, 3}, at(x, {243, 27, 3, 0, 27, 3, 1}), at(w, {0, 0, 0, 1, 180, 60, 20}), Elem::f32};
  d.stage({7, 20});
  d.store(d.accumulator(Elem::f32), at(y, {980, 140, 20, 1}));

  // y = x[rows] · w, and dw = x[rows]ᵀ · y.
  BufferId table = d.buffer(Elem::f32, 100 * 11), rows = d.place(Space::rows, 0, Elem::i32, B);
  BufferId v = d.buffer(Elem::f32, 11 * 18), out = d.buffer(Elem::f32, B * 18), dv = d.buffer(Elem::f32, 11 * 18);
  Kernel &forward = d.kernel({});
  d.stage({B, 18});
  ValueId row = d.load(at(rows, {1}));
  forward.contraction = Contraction{B, 18, {11}, at(table, {0, 0, 1}, 0, {{row, 11}}), at(v, {0, 1, 18}), Elem::f32};
  d.store(d.accumulator(Elem::f32), at(out, {18, 1}));
  Kernel &backward = d.kernel({});
  d.stage({11, 18});
  row = d.load(at(rows, {0, 0, 1}));
  backward.contraction = Contraction{11, 18, {B}, at(table, {1}, 0, {{row, 11}}), at(out, {0, 1, 18}), Elem::f32};
  d.store(d.accumulator(Elem::f32), at(dv, {18, 1}));
  check(d, {.tolerance = 1e-4, .examples = {1, 7, 33}});
}

TEST_CASE("steps advance rows, costs and the step, and end with a cost that is not finite", "[lower]") {
  Draft d;
  d.entry.steps = true, d.entry.costs = 1, d.entry.reports = 1;
  BufferId rows = d.place(Space::rows, 0, Elem::i32, B), costs = d.place(Space::costs, 0, Elem::f64, 1);
  BufferId reports = d.place(Space::reports, 0, Elem::f64, 1), settings = d.place(Space::settings, 0, Elem::f64, 1);
  BufferId state = d.buffer(Elem::f64, 1), seen = d.buffer(Elem::f64, B);
  d.kernel({B});
  d.stage();
  ValueId number = d.scalar(Op::convert, Elem::f64, {d.load(at(rows, {1}))});
  d.store(d.scalar(Op::add, {number, d.load(at(seen, {1}))}), at(seen, {1}));
  d.kernel({}, Lanes::inner);
  d.stage({B});
  ValueId sum = d.reduce(ReduceKind::add, {d.load(at(seen, {1}))});
  d.stage();
  ValueId step = d.scalar(Op::convert, Elem::f64, {d.call(ir::InputKind::step)});
  ValueId next = d.scalar(Op::add, {d.load(at(state, {})), d.scalar(Op::mul, {step, d.load(at(settings, {}))})});
  d.store(next, at(state, {}));
  d.store(sum, at(reports, {}));
  // 1 / (step - 9) is infinite in the fifth step.
  d.store(d.scalar(Op::div, {d.constant(Elem::f64, 1), d.scalar(Op::sub, {step, d.constant(Elem::f64, 9)})}), at(costs, {}));
  check(d, {.tolerance = 1e-14, .steps = 4});
  check(d, {.tolerance = 1e-14, .steps = 9});
}

TEST_CASE("threads meet wherever work moves between them", "[lower]") {
  Draft d;
  d.entry.steps = true;
  BufferId x = d.buffer(Elem::f64, B * 64), y = d.buffer(Elem::f64, B * 64), sums = d.buffer(Elem::f64, 4);
  auto map = [&](BufferId from, BufferId to, double scale, Size from_sums) { // to[i] = from[63 - i]·scale + sums[from_sums]
    d.kernel({B, 64});
    d.stage();
    ValueId scaled = d.scalar(Op::mul, {d.load(at(from, {64, -1}, 63)), d.constant(Elem::f64, scale)});
    d.store(d.scalar(Op::add, {scaled, d.load(at(sums, {}, from_sums))}), at(to, {64, 1}));
  };
  auto single = [&](Size from, Size to, bool barrier) {
    d.kernel({}).barrier_before = barrier;
    d.stage();
    d.store(d.scalar(Op::mul, {d.load(at(sums, {}, from)), d.constant(Elem::f64, 0.5)}), at(sums, {}, to));
  };
  map(x, y, 0.5, 3);
  d.kernel({}, Lanes::inner);
  d.stage({B * 64});
  ValueId sum = d.reduce(ReduceKind::max, {d.load(at(y, {1}))});
  d.stage();
  d.store(sum, at(sums, {}));
  single(0, 1, true);
  single(1, 2, true);
  map(y, x, 0.25, 1);
  d.kernel().barrier_before = false; // the one before the second single kernel stands for it
  single(0, 3, true);
  for (double work : {0.0, 1.0, 100.0, 1e4, 1e12})
    check(d, {.least_shared_work = work, .examples = {1, 33}, .steps = 40, .cpus = {"native"}});
}

TEST_CASE("a call that is told to stop does nothing", "[lower]") {
  Draft d;
  d.entry.steps = true;
  BufferId x = d.buffer(Elem::f32, B * 16);
  d.kernel({B * 16});
  d.stage();
  d.store(d.constant(Elem::f32, 1), at(x, {1}));
  Loaded loaded({{d.entry}, "{}"}, {"native", 0});
  for (int threads : {1, 2}) {
    CallMemory memory(d.entry, 8, 3, 7), before(d.entry, 8, 3, 7);
    memory.stop = 1;
    runtime::Team(threads).run(reinterpret_cast<nnc_entry>(loaded.entry("test")), memory.call);
    CHECK(memory.call.done == 0);
    compare(d.entry, before, memory, 0);
  }
}
