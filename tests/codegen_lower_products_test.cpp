// Matrix products, and what the kernels of an entry have of each other (tests/kernel_draft.h).
#include "kernel_draft.h"

using namespace nnc;
using namespace nnc::test;

namespace {

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

TEST_CASE("what is written past the caches is there for whoever reads it", "[lower]") {
  for (Elem elem : {Elem::f32, Elem::f64})
    for (int64_t length : {48, 35, 128}) // rows of whole vectors, of none, of whole lines
      for (int64_t first : {0, 16, 3}) {
        Draft d;
        BufferId x = d.buffer(elem, B * Size(length)), y = d.buffer(elem, B * Size(length) + Size(first));
        BufferId rows = d.buffer(elem, B * Size(length)), z = d.buffer(elem, B * Size(length));
        d.entry.buffers[y].streamed = d.entry.buffers[rows].streamed = true;
        d.kernel({B * Size(length)});
        d.stage();
        d.store(d.scalar(Op::mul, {d.load(at(x, {1})), d.load(at(x, {1}))}), at(y, {1}, first));
        d.kernel({B}, Lanes::inner);
        d.stage({length});
        d.store(d.scalar(Op::neg, {d.load(at(y, {length, 1}, first))}), at(rows, {length, 1}));
        d.kernel({length, B}); // threads read what others have written
        d.stage();
        d.store(d.scalar(Op::add, {d.load(at(rows, {1, length})), d.load(at(y, {1, length}, first))}), at(z, {1, length}));
        check(d, {.examples = {1, 7, 33}});
      }
  for (int64_t n : {64, 48, 33}) {
    Draft d = matrix_product(Elem::f32, B, n, 20, false, true);
    d.entry.buffers.back().streamed = true;
    check(d, {.tolerance = 1e-5, .examples = {1, 7, 33}});
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

TEST_CASE("vectors of a tile at neighbouring points of an outer axis", "[lower]") {
  // Rows of n ≤ 16 of an image: y[b, r, o, j] = Σ weight[o, i, p, q]·x[b, i, r + p, j + q], and with chunks of k the weights of few columns,
  // dw[p, o, q] = Σ dy[o, b, i, j]·x[b, i + p, j + q]. Epilogues that know the point, read by it alone, and are long.
  for (Elem elem : {Elem::f32, Elem::f64})
    for (Size rows : {Size(2), Size(5), Size(14), B})
      for (int64_t n : {3, 7, 14, 16}) {
        Draft d;
        const Size high = rows + Size(4), wide(n + 4), out(n);
        BufferId x = d.buffer(elem, high * wide * Size(6)), w = d.buffer(elem, 10 * 3 * 25),
                 y = d.buffer(elem, rows * out * Size(20)), of_row = d.buffer(elem, rows);
        Kernel &kernel = d.kernel({2, rows});
        kernel.contraction = Contraction{
            10,  n, {3, 5, 5}, at(w, {0, 0, 75, 0, 25, 5, 1}), at(x, {high * wide * Size(3), wide, 0, 1, high * wide, wide, 1}),
            elem};
        d.stage({10, n});
        ValueId sum = d.scalar(Op::add, {d.accumulator(elem), d.load(at(of_row, {0, 1}))});
        sum = d.scalar(Op::mul, {sum, d.scalar(Op::convert, elem, {d.axis(1)})});
        if (n == 7)
          for (int i = 0; i < 12; ++i) sum = d.scalar(Op::max, {d.scalar(Op::neg, {sum}), d.load(at(of_row, {0, 1}))});
        d.store(sum, at(y, {rows * out * Size(10), out, rows * out, 1}));
        check(d, {.tolerance = elem == Elem::f32 ? 1e-4 : 1e-12, .examples = {1, 6, 9}, .cpus = {"native", "x86-64-v3"}});
      }
  for (int64_t points : {1, 3, 5})
    for (int64_t n : {5, 16}) {
      Draft d;
      BufferId dy = d.buffer(Elem::f32, B * Size(6 * 400)), x = d.buffer(Elem::f32, B * Size(30 * 40)),
               dw = d.buffer(Elem::f32, 7 * points * 6 * n);
      Kernel &kernel = d.kernel({7, points});
      kernel.contraction =
          Contraction{6, n, {B, 20, 20}, at(dy, {0, 0, 400, 0, 2400, 20, 1}), at(x, {1, 40, 0, 1, 1200, 40, 1}), Elem::f32};
      d.stage({6, n});
      d.store(d.accumulator(Elem::f32), at(dw, {points * 6 * n, 6 * n, n, 1}));
      check(d, {.tolerance = 1e-3, .examples = {1, 2, 9}, .cpus = {"native", "x86-64-v3"}});
    }
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
