#pragma once
// Kernels written by hand, compiled and run, against their plain execution: the same bits for operations that round once each, within
// the bound of their roundings for sums and elementary functions, and the same bits for any number of threads.

#include "codegen/compile.h"
#include "codegen/kernel_evaluate.h"
#include "runtime/team.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <random>

namespace nnc::test {

using namespace codegen;

using ir::Elem;
using ir::Op;
using ir::ReduceKind;

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

inline Access at(BufferId buffer, std::vector<Size> strides, Size constant = 0,
                 std::vector<std::pair<ValueId, Size>> indirect = {}) {
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
inline void compare(const Entry &entry, CallMemory &expected, CallMemory &found, double tolerance) {
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

inline void check(Draft draft, const Options &options = {}) {
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

} // namespace nnc::test
