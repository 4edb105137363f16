// Maps and rows (tests/kernel_draft.h).
#include "kernel_draft.h"

using namespace nnc;
using namespace nnc::test;

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

TEST_CASE("every other element, and nothing of those between", "[lower]") {
  for (Elem elem : {Elem::f32, Elem::f64, Elem::i32, Elem::boolean})
    for (int64_t width : {1, 7, 8, 14, 33})
      for (int64_t offset : {0, 1}) {
        Draft d;
        // The last element of a buffer is the last that lanes read or write.
        BufferId x = d.buffer(elem, B * Size(2 * width) + Size(offset - 1)),
                 y = d.buffer(elem, B * Size(2 * width) + Size(offset - 1));
        d.kernel({B, width});
        d.stage();
        d.store(d.load(at(x, {2 * width, 2}, offset)), at(y, {2 * width, 2}, offset));
        check(d);
      }
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
