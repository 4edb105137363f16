// Kernels of rows: which of their lanes lie along what, and what they leave only themselves.
#include "codegen/lane_choice.h"
#include "codegen/plan.h"
#include "codegen/row_scratch.h"
#include "kernel_draft.h"

using namespace nnc;
using namespace nnc::test;

namespace {

/// y = exp(x) over its sum by row, the exponentials in a buffer between the two.
struct Softmax {
  Draft d;
  BufferId x, e, y;

  Softmax(Size rows, Size columns, Elem elem = Elem::f32)
      : x(d.buffer(elem, rows * columns)), e(d.buffer(elem, rows * columns)), y(d.buffer(elem, rows * columns)) {
    d.kernel({rows}, Lanes::inner);
    d.stage({columns});
    const ValueId made = d.scalar(Op::exp, {d.load(at(x, {columns, 1}))});
    d.store(made, at(e, {columns, 1}));
    const ValueId sum = d.reduce(ReduceKind::add, {made});
    d.stage({columns});
    d.store(d.scalar(Op::div, {d.load(at(e, {columns, 1})), sum}), at(y, {columns, 1}));
  }

  void keep_rows(const std::set<BufferId> &carried = {}) {
    std::vector<Task> tasks;
    for (Kernel &kernel : d.entry.kernels) tasks.push_back({std::move(kernel), -1, {}, {}});
    tasks.back().carried = carried;
    codegen::keep_rows(tasks, d.entry);
    for (size_t i = 0; i < tasks.size(); ++i) d.entry.kernels[i] = std::move(tasks[i].kernel);
  }
  /// Where the exponentials go.
  Space space() {
    for (const Instruction &value : d.entry.kernels[0].values)
      if (value.code == Code::store) return d.entry.buffers[value.access.buffer].space;
    return Space::arena;
  }
};

} // namespace

TEST_CASE("a row that only its kernel reads is scratch of the thread", "[rows]") {
  for (int64_t columns : {3, 16, 100, 1000})
    for (Elem elem : {Elem::f32, Elem::f64}) {
      Softmax made(B, columns, elem);
      made.keep_rows();
      CHECK(made.space() == Space::slab);
      CHECK(made.d.entry.kernels[0].slab_bytes == (columns * ir::bytes(elem) + 63) / 64 * 64);
      check(std::move(made.d), {.tolerance = 1e-5});
    }
}

TEST_CASE("rows of a kernel lie beside each other", "[rows]") {
  Softmax made(B, 40);
  Draft &d = made.d;
  const BufferId other = d.buffer(Elem::f32, B * Size(40)), z = d.buffer(Elem::f32, B * Size(40));
  d.stage({40});
  d.store(d.scalar(Op::neg, {d.load(at(made.x, {40, 1}))}), at(other, {40, 1}));
  d.stage({40});
  d.store(d.scalar(Op::sub, {d.load(at(made.e, {40, 1})), d.load(at(other, {40, 1}))}), at(z, {40, 1}));
  made.keep_rows();
  CHECK(d.kernel().slab_bytes == 2 * 192);
  check(std::move(d), {.tolerance = 1e-5});
}

TEST_CASE("what others read, what is long and what is read elsewhere stays a tensor", "[rows]") {
  Softmax read(B, 40);
  read.d.kernel({B * 40});
  read.d.stage();
  read.d.store(read.d.load(at(read.e, {1})), at(read.d.buffer(Elem::f32, B * 40), {1}));
  read.keep_rows();
  CHECK(read.space() == Space::arena);

  Softmax carried(B, 40);
  carried.keep_rows({carried.e});
  CHECK(carried.space() == Space::arena);

  for (const Size &columns : {B, Size(1 << 20)}) {
    Softmax longer(Size(7), columns);
    longer.keep_rows();
    CHECK(longer.space() == Space::arena);
  }

  Softmax backwards(B, 40);
  for (Instruction &value : backwards.d.kernel().values)
    if (value.code == Code::load && value.access.buffer == backwards.e) value.access = at(backwards.e, {40, -1}, 39);
  backwards.keep_rows();
  CHECK(backwards.space() == Space::arena);

  Softmax outer(B, 40);
  outer.d.kernel().lanes = Lanes::outer;
  outer.keep_rows();
  CHECK(outer.space() == Space::arena);
}

TEST_CASE("scratch that is not there is found before lowering", "[rows]") {
  Softmax made(B, 40);
  made.keep_rows();
  made.d.kernel().slab_bytes = 128;
  CHECK(verify(made.d.entry).find("ends behind the 128 bytes of the thread's scratch") != std::string::npos);
}

TEST_CASE("what its kernel reads again is not written past the caches", "[rows]") {
  Softmax large(Size(1 << 14), Size(1 << 10));
  plan_memory(large.d.entry);
  CHECK_FALSE(large.d.entry.buffers[large.e].streamed);
  CHECK(large.d.entry.buffers[large.y].streamed);
}

TEST_CASE("lanes lie where accesses are vectors", "[rows]") {
  auto lanes = [](const std::vector<Access> &loads, const Size &inner = Size(64)) {
    Draft d;
    for (int i = 0; i < 3; ++i) d.buffer(Elem::f32, 64 * 64);
    d.kernel({64});
    d.stage({inner});
    for (const Access &access : loads) d.reduce(ReduceKind::add, {d.load(access)});
    return lanes_of(d.kernel(), Lanes::inner);
  };
  CHECK(lanes({at(0, {64, 1})}) == Lanes::inner);
  CHECK(lanes({at(0, {1, 64})}) == Lanes::outer);
  // One number for each row beside columns of a matrix: along the columns it is the same for all lanes.
  CHECK(lanes({at(1, {0, 1}), at(0, {1, 64}), at(2, {1, 64})}) == Lanes::outer);
  CHECK(lanes({at(1, {1, 0}), at(0, {64, 1})}) == Lanes::inner);
  CHECK(lanes({at(0, {64, 64})}) == Lanes::inner); // as preferred
  CHECK(lanes({at(0, {64, 1})}, Size(4)) == Lanes::outer);

  Draft rows; // of a table, looked up for each outer point or each inner one
  const BufferId table = rows.buffer(Elem::f32, 64 * 64), numbers = rows.buffer(Elem::i32, 64);
  for (bool by_outer : {true, false}) {
    rows.kernel({64});
    rows.stage({64});
    const ValueId row = rows.load(at(numbers, by_outer ? std::vector<Size>{1} : std::vector<Size>{0, 1}));
    rows.reduce(ReduceKind::add,
                {rows.load(at(table, by_outer ? std::vector<Size>{0, 1} : std::vector<Size>{1}, 0, {{row, 64}}))});
    CHECK(lanes_of(rows.kernel(), Lanes::inner) == (by_outer ? Lanes::inner : Lanes::outer));
  }
}
