// Runs of maps and rows that go example by example: which kernels they take, and that they compute the same.
#include "codegen/example_runs.h"
#include "codegen/plan.h"
#include "codegen/row_scratch.h"
#include "kernel_draft.h"

using namespace nnc;
using namespace nnc::test;

namespace {

constexpr int64_t rows = 32, columns = 64;

/// y = x less the sum of its row, z = -y, and by example the sums of the columns of both.
struct Sums {
  Draft d;
  Size all;
  BufferId x, y, z, of_y, of_z;

  explicit Sums(int64_t rows = ::rows)
      : all(B * Size(rows * columns)), x(d.buffer(Elem::f32, all)), y(d.buffer(Elem::f32, all)), z(d.buffer(Elem::f32, all)),
        of_y(d.buffer(Elem::f32, B * Size(columns))), of_z(d.buffer(Elem::f32, B * Size(columns))) {
    d.kernel({B * Size(rows)}, Lanes::inner);
    d.stage({columns});
    const ValueId sum = d.reduce(ReduceKind::add, {d.load(at(x, {columns, 1}))});
    d.stage({columns});
    d.store(d.scalar(Op::sub, {d.load(at(x, {columns, 1})), sum}), at(y, {columns, 1}));
    d.kernel({B * Size(rows * columns)});
    d.stage();
    d.store(d.scalar(Op::neg, {d.load(at(y, {1}))}), at(z, {1}));
    for (auto [from, to] : {std::pair(y, of_y), std::pair(z, of_z)}) {
      d.kernel({B, columns});
      d.stage({rows});
      const ValueId of_column = d.reduce(ReduceKind::add, {d.load(at(from, {rows * columns, 1, columns}))});
      d.stage();
      d.store(of_column, at(to, {columns, 1}));
    }
  }

  /// The number of kernels that are left.
  size_t join() {
    std::vector<Task> tasks;
    for (Kernel &kernel : d.entry.kernels) tasks.push_back({std::move(kernel), -1, {}, {}});
    join_by_example(tasks, d.entry);
    keep_rows(tasks, d.entry);
    d.entry.kernels.clear();
    for (Task &task : tasks) d.entry.kernels.push_back(std::move(task.kernel));
    for (size_t i = 0; i < d.entry.kernels.size(); ++i) {
      d.entry.kernels[i].name = "k" + std::to_string(i);
      for (Step &step : d.entry.kernels[i].steps)
        for (size_t part = 0; part < step.kernels.size(); ++part)
          step.kernels[part].name = d.entry.kernels[i].name + "." + std::to_string(part);
    }
    return d.entry.kernels.size();
  }
};

} // namespace

TEST_CASE("kernels that touch the same tensors go example by example", "[runs]") {
  Sums made;
  CHECK(made.join() == 1);
  REQUIRE(made.d.kernel().steps.size() == 1);
  CHECK(made.d.kernel().axes == std::vector{B});
  CHECK(made.d.kernel().steps[0].kernels.size() == 4);
  // y and z are scratch; the places of x in `x` and of the sums are not.
  CHECK(made.d.kernel().slab_bytes == 2 * rows * columns * 4);
  check(std::move(made.d), {.tolerance = 1e-5});
}

TEST_CASE("what others read of a run stays a tensor", "[runs]") {
  Sums made;
  made.d.kernel({B, columns});
  made.d.stage({rows});
  const BufferId scattered = made.d.buffer(Elem::f32, B * Size(columns));
  const ValueId value = made.d.load(at(made.z, {rows * columns, 1, columns}));
  made.d.store(value, at(scattered, {columns, 1}), Code::store_add); // a kernel of this kind joins none
  CHECK(made.join() == 2);
  CHECK(made.d.entry.kernels[0].slab_bytes == rows * columns * 4);
  check(std::move(made.d), {.tolerance = 1e-4});
}

TEST_CASE("a run takes nothing that needs all examples", "[runs]") {
  Sums made; // the sums of y over all examples are taken from z in a kernel of the same space
  const BufferId total = made.d.buffer(Elem::f32, columns), left = made.d.buffer(Elem::f32, made.all);
  made.d.kernel({columns});
  made.d.stage({B});
  const ValueId sum = made.d.reduce(ReduceKind::add, {made.d.load(at(made.of_y, {1, columns}))});
  made.d.stage();
  made.d.store(sum, at(total, {1}));
  made.d.kernel({B * Size(rows), columns});
  made.d.stage();
  made.d.store(made.d.scalar(Op::sub, {made.d.load(at(made.z, {columns, 1})), made.d.load(at(total, {0, 1}))}),
               at(left, {columns, 1}));
  CHECK(made.join() == 3);
  CHECK(made.d.entry.kernels[0].steps.size() == 1);
  CHECK(made.d.entry.kernels[2].steps.empty());
  check(std::move(made.d), {.tolerance = 1e-4});
}

TEST_CASE("little and much of an example has kernels of its own", "[runs]") {
  CHECK(Sums(4).join() == 4);
  CHECK(Sums(4096).join() == 4);
}

TEST_CASE("what a run leaves others may go past the caches", "[runs]") {
  Sums made;
  const BufferId copy = made.d.buffer(Elem::f32, made.all), more = made.d.buffer(Elem::f32, made.all);
  made.d.kernel({made.all});
  made.d.stage();
  made.d.store(made.d.load(at(made.y, {1})), at(copy, {1}));
  made.d.entry.buffers[copy].streamed = true;
  made.d.kernel({Size(1)});
  made.d.stage();
  made.d.store(made.d.load(at(copy, {1})), at(more, {1}), Code::store_add);
  CHECK(made.join() == 2);
  check(std::move(made.d), {.tolerance = 1e-5});
}
