#pragma once
// Kernels: what stands between the graph and LLVM. An entry (train, evaluate, …) is a list of kernels over buffers; a kernel is a nest of
// loops around straight-line scalar code in SSA form. Lowering knows nothing else: no operation of the graph but the scalar ones.
//
//   for every point of `axes`                       outer loops: independent of each other, so threads may part them
//     for every stage, in order
//       for every point of the stage's `axes`       inner loops (none: the code runs once for the outer point)
//         the stage's code
//
// A `reduce` of a stage gives one value for the outer point, which later stages use; any other value of a stage with inner axes ends with it.
// That covers elementwise maps (one stage without axes), row kernels such as softmax (stages over the row, in turn), sums over
// leading axes (outer axes the kept ones, the stage's axes the summed ones) and, with `contraction`, matrix products whose epilogue is the stage.
//
// A kernel with `steps` has neither: for every point of its axes, a slab, one thread runs other kernels on it in turn, and what these only leave
// each other lies in memory of that thread. An attention is such: for each example and head the scores, a softmax, the mixture of values.

#include "codegen/size.h"
#include "ir/graph.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace nnc::codegen {

/// Where a buffer's memory is.
enum class Space : uint8_t {
  state,    // parameters, states: a fixed offset in nnc_call::state
  arena,    // scratch: an offset in nnc_call::arena
  source,   // nnc_call::sources[number], rows of a data file
  rows,     // nnc_call::rows[number], i32 [B]; in `train` those of the current step
  output,   // nnc_call::outputs[number]
  settings, // nnc_call::settings, f64
  costs,    // nnc_call::costs, f64; in `train` those of the current step
  reports,  // nnc_call::reports, likewise
  constant, // data of the module: Entry::constants[number]
  slab,     // scratch of the thread that runs a kernel with steps, for one slab
};

struct Buffer {
  Space space = Space::arena;
  int number = 0;
  Size offset;                   // bytes from the start of the space (state: constant)
  ir::Elem elem = ir::Elem::f32; // stored element; bool is a byte of 0 or 1
  Size elements;
  std::string label;     // for printing: `%12`, `hidden.weight`
  bool streamed = false; ///< whole lines of it are written past the caches

  /// In a loop, a row of `whole` for each turn: this one's first turn has the row at element `start` of it, and a turn of loop `first` moves on
  /// by `second` elements. `within` is what it was made a row of: `whole`, or a row of that which a loop around moves.
  int whole = -1, within = -1;
  Size start = {};
  std::vector<std::pair<int, Size>> moves = {};
};

using BufferId = int;
using ValueId = int; // of an instruction: its number in the kernel, over all stages

/// The element of a buffer that an instruction touches: constant + Σ stride·axis + Σ stride·value, in elements of the buffer. Axes are the
/// kernel's outer ones followed by the stage's own (for a contraction's operands: outer, m, n, k…).
struct Access {
  BufferId buffer = 0;
  Size constant;
  std::vector<Size> strides;                      // one per axis; may be shorter (the rest is 0)
  std::vector<std::pair<ValueId, Size>> indirect; // an i32 value (a row number, an index of a gather) times a stride
};

/// Of an axis behind the last that it moves along 0.
inline Size stride_of(const Access &access, size_t axis) { return axis < access.strides.size() ? access.strides[axis] : Size(0); }

enum class Code : uint8_t {
  constant,   // `value`
  given,      // in a form: number `value` of those that each of its kernels has for itself
  axis,       // i32: the loop variable of axis `axis` (outer axes first, then the stage's)
  call_value, // i32: `input` is one of seed_low, seed_high, step, total_steps, epoch, examples
  load,       // `access`
  scalar,     // `op` of `operands`: an elementwise operation of ir/ops.def, or random_bits with `random`; `elem` is the result's
  reduce, // `reduce` over the stage's axes of operands[0]; for add, mul of operands[1] is fused: Σ fma(operands[0], operands[1])
  argreduce,   // i32: linear index over the stage's axes of the first max or min of operands[0]
  accumulator, // a contraction's sum for this (m, n)
  store,       // operands[0] to `access`
  store_add,   // operands[0] added to `access`: its stage runs in order on one thread per outer point
};

struct Instruction {
  Code code = Code::constant;
  ir::Elem elem = ir::Elem::f32;
  ir::Op op = ir::Op::copy;
  std::vector<ValueId> operands;
  double value = 0;
  int axis = 0;
  ir::InputKind input = ir::InputKind::step;
  ir::ReduceKind reduce = ir::ReduceKind::add;
  ir::RandomAttributes random;
  Access access;
  PlaceId place;
};

/// Instructions with what their code needs, the rest left as it is.
inline Instruction instruction(Code code, ir::Elem elem, PlaceId place) {
  Instruction made;
  made.code = code, made.elem = elem, made.place = place;
  return made;
}
inline Instruction load_of(ir::Elem elem, Access access, PlaceId place) {
  Instruction made = instruction(Code::load, elem, place);
  made.access = std::move(access);
  return made;
}
inline Instruction store_of(ValueId value, ir::Elem elem, Access access, PlaceId place) {
  Instruction made = instruction(Code::store, elem, place);
  made.operands = {value}, made.access = std::move(access);
  return made;
}
inline Instruction scalar_of(ir::Op op, ir::Elem elem, std::vector<ValueId> operands, PlaceId place) {
  Instruction made = instruction(Code::scalar, elem, place);
  made.op = op, made.operands = std::move(operands);
  return made;
}

struct Stage {
  std::vector<Size> axes;
  std::vector<ValueId> code; // instructions in order
};

/// c[m, n] = Σ over k of a[m, k]·b[k, n], one chain of fused multiply-adds over ascending k. The kernel's only stage has the axes (m, n) and uses
/// Code::accumulator. `a` and `b` are accesses over the axes (outer…, m, n, k…); a's stride along n and b's along m are 0.
struct Contraction {
  Size m, n;
  std::vector<Size> k; // outermost first
  Access a, b;
  ir::Elem elem = ir::Elem::f32;
  /// Not 0: b is the result of a Packing of that width, and its access has strides along k alone.
  int64_t panel = 0;
};

/// The columns of a matrix b[n, k…] in panels, in the order in which the tiles of a contraction read them: panel p holds, for each k in turn, the
/// columns from width·p on, `width` of them. What a panel holds past n has no meaning. `from` is an access over the axes (n, k…). Such a kernel has
/// no stages, and no axes but those that a step has in front.
struct Packing {
  Size n;
  std::vector<Size> k;
  int64_t width = 0;
  Access from;
  BufferId to = 0;
  ir::Elem elem = ir::Elem::f32; // of the panels
};

/// result[i] = the number of the i-th key in ascending order, NaN last, equals in their order. `keys` and `result` are accesses over the axes
/// (outer…, the sorted one of `count`); the result's stride along it is 1. Such a kernel has no stages: the runtime sorts.
struct Ordering {
  Size count;
  Access keys, result;
  ir::Elem elem = ir::Elem::f32; // of the keys
};

/// The axis that becomes vector lanes.
enum class Lanes : uint8_t {
  outer, // the last outer axis (scalar code where there is none)
  inner, // the last axis of each stage that has axes; stages without run as scalars
};

/// Points of a kernel that need no visit: those whose `column` is not below the end of the stretch of `triangle_stretch` rows that their `row` is in. What
/// is computed there is not read, or what reads it is as if it were not there: e^-inf in a sum. Both are numbers of axes: the outer ones, then m, n,
/// k… or a stage's own, of which the column then is the last. Where the kernel has a block of the rows, its first row's number, a multiple of
/// the stretch, is the i32 element that `first` is of, which no axis of its own moves along.
struct Triangle {
  int row = 0, column = 0;
  std::optional<Access> first = {};
};
constexpr int64_t triangle_stretch = 32;

struct Kernel;

/// Kernels that run one after the other, `turns` times. Their axes are those of the kernel that they are steps of, one of `turns`, and then their own.
struct Step {
  int64_t turns = 1;
  std::vector<Kernel> kernels;
};

struct Kernel {
  std::string name; // `train_3_map`, unique in the unit
  std::vector<Size> axes;
  std::vector<Stage> stages;
  std::vector<Instruction> values;
  std::optional<Contraction> contraction;
  std::optional<Ordering> ordering;
  std::vector<Step> steps;
  int64_t slab_bytes = 0; // of the scratch of one slab
  std::optional<Packing> packing;
  std::optional<Triangle> triangle; // of all stages that have axes
  Lanes lanes = Lanes::outer;
  bool barrier_before = true; // it reads or overwrites what a kernel since the last barrier wrote or read
  PlaceId place;              // the node that it was made for
};

/// Kernels [first, last) of an entry, run `turns` times.
struct TurnLoop {
  int64_t turns = 0;
  int first = 0, last = 0;
  bool operator==(const TurnLoop &) const = default;
};

struct Entry {
  std::string name; // train, evaluate, …: the function `nnc_<name>`
  std::vector<Buffer> buffers;
  std::vector<Kernel> kernels;
  std::vector<TurnLoop> loops; // one within another stands behind it
  Size arena_bytes;
  std::vector<std::vector<double>> constants;
  bool steps = false;         // `train`: the kernels run nnc_call::steps times, with rows, costs, reports and step advanced
  int costs = 0, reports = 0; // per step
  int data = 0;               // number of row tables
};

/// The buffer whose memory it is: the whole of a row.
inline const Buffer &memory_of(const std::vector<Buffer> &buffers, BufferId id) {
  return buffers[id].whole < 0 ? buffers[id] : buffers[buffers[id].whole];
}

/// Visits the kernels [first, last) in order: kernel(number), and for each outermost loop among them loop(number of the loop).
template <typename OnKernel, typename OnLoop>
void walk_kernels(const Entry &entry, int first, int last, int around, OnKernel &&kernel, OnLoop &&loop) {
  for (int at = first; at < last;) {
    int found = -1;
    for (int number = around + 1; number < static_cast<int>(entry.loops.size()) && found < 0; ++number)
      if (entry.loops[number].first == at && entry.loops[number].last > at && entry.loops[number].last <= last) found = number;
    if (found < 0) {
      kernel(at++);
    } else {
      loop(found);
      at = entry.loops[found].last;
    }
  }
}

/// Whether it is loops around stages, and nothing else.
inline bool is_nest(const Kernel &kernel) {
  return !kernel.contraction && !kernel.ordering && !kernel.packing && kernel.steps.empty();
}
/// Whether it is code that runs once.
inline bool is_point(const Kernel &kernel) {
  return is_nest(kernel) && kernel.axes.empty() &&
         std::all_of(kernel.stages.begin(), kernel.stages.end(), [](const Stage &stage) { return stage.axes.empty(); });
}

/// Whether it draws random numbers.
inline bool draws(const Kernel &kernel) {
  return std::any_of(kernel.values.begin(), kernel.values.end(),
                     [](const Instruction &i) { return i.op == ir::Op::random_bits; });
}

std::string print(const Kernel &, const std::vector<Buffer> &);
std::string print(const Entry &);

/// The first thing wrong with an entry (a value used before it is made or out of its stage, an access with too many strides, a
/// buffer that does not exist …), or "".
std::string verify(const Entry &);

} // namespace nnc::codegen
