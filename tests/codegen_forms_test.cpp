// Equal kernels have one form, whatever entry they are of and wherever their buffers lie; what their code depends on tells forms apart.

#include "codegen/compile.h"
#include "codegen/kernel_form.h"
#include "runtime/module.h"
#include "runtime/team.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <bit>
#include <set>

using namespace nnc;
using namespace nnc::codegen;
using ir::Elem;
using ir::Op;

namespace {

Buffer scratch(int64_t offset, Elem elem = Elem::f32) { return {Space::arena, 0, offset, elem, 16, "b"}; }

/// to[i] = a[i] + b[i] for 16 elements.
Kernel sum(const char *name, BufferId a, BufferId b, BufferId to) {
  Kernel kernel;
  kernel.name = name;
  kernel.axes = {16};
  kernel.values = {load_of(Elem::f32, {a, 0, {1}, {}}, {}), load_of(Elem::f32, {b, 0, {1}, {}}, {}),
                   scalar_of(Op::add, Elem::f32, {0, 1}, {}), store_of(2, Elem::f32, {to, 0, {1}, {}}, {})};
  kernel.stages = {Stage{{}, {0, 1, 2, 3}}};
  return kernel;
}

/// to[i] = word 0 of the draw at `path` for i, 16 elements.
Kernel draw(const char *name, uint64_t path, BufferId to) {
  Kernel kernel;
  kernel.name = name;
  kernel.axes = {16};
  Instruction axis = instruction(Code::axis, Elem::i32, {}), zero = instruction(Code::constant, Elem::i32, {});
  Instruction bits = scalar_of(Op::random_bits, Elem::i32, {1, 1, 1, 1, 1, 0}, {});
  bits.random.path = path;
  kernel.values = {axis, zero, bits, store_of(2, Elem::i32, {to, 0, {1}, {}}, {})};
  kernel.stages = {Stage{{}, {0, 1, 2, 3}}};
  return kernel;
}

Entry entry_of(const char *name, std::vector<Buffer> buffers, std::vector<Kernel> kernels) {
  Entry entry;
  entry.name = name, entry.buffers = std::move(buffers), entry.kernels = std::move(kernels);
  for (const Buffer &buffer : entry.buffers) entry.arena_bytes = std::max(entry.arena_bytes.c[0], buffer.offset.c[0] + 64);
  return entry;
}

std::vector<int> forms_of(const std::vector<Entry> &entries) {
  std::vector<int> numbers;
  for (const auto &calls : kernel_forms(entries, processor({"x86-64-v3"})).calls)
    for (const KernelCall &call : calls) numbers.push_back(call.form);
  return numbers;
}

nnc_call run(const std::vector<Entry> &entries, const char *name, std::vector<int32_t> &arena) {
  nnc_call call{};
  call.arena = reinterpret_cast<unsigned char *>(arena.data());
  call.batch = call.steps = 1;
  Loaded loaded({entries, "{}"}, {"native"});
  reinterpret_cast<nnc_entry>(loaded.entry(name))(&call, 0, 1);
  return call;
}

} // namespace

TEST_CASE("kernels that differ in their places have one form, in one entry and in two", "[forms]") {
  std::vector<Buffer> buffers = {scratch(0), scratch(64), scratch(128), scratch(192)};
  Entry train = entry_of("train", buffers, {sum("a", 0, 1, 2), sum("b", 2, 1, 3)});
  Entry evaluate = entry_of("evaluate", {scratch(640), scratch(0), scratch(64)}, {sum("c", 1, 2, 0)});
  CHECK(forms_of({train, evaluate}) == std::vector<int>{0, 0, 0});

  std::vector<int32_t> arena(256);
  auto *numbers = reinterpret_cast<float *>(arena.data());
  for (int i = 0; i < 32; ++i) numbers[i] = static_cast<float>(i);
  run({train, evaluate}, "train", arena);
  for (int i = 0; i < 16; ++i) {
    CHECK(numbers[32 + i] == static_cast<float>(i + 16 + i));
    CHECK(numbers[48 + i] == static_cast<float>(i + 2 * (16 + i)));
  }
  run({train, evaluate}, "evaluate", arena);
  for (int i = 0; i < 16; ++i) CHECK(numbers[160 + i] == static_cast<float>(i + 16 + i));
}

TEST_CASE("what code depends on tells forms apart", "[forms]") {
  std::vector<Buffer> buffers = {scratch(0), scratch(64), scratch(128), scratch(160)};
  auto is_another = [&](Kernel other) { return forms_of({entry_of("train", buffers, {sum("a", 0, 1, 2), other})})[1] == 1; };
  CHECK_FALSE(is_another(sum("b", 1, 0, 2)));
  CHECK(is_another(sum("b", 0, 0, 2))); // one buffer twice
  CHECK(is_another(sum("b", 0, 2, 3))); // buffers that overlap
  Kernel longer = sum("b", 0, 1, 2), other_stride = longer, constant = longer, lanes = longer, product = longer;
  longer.axes = {8};
  other_stride.values[0].access.strides = {2};
  constant.values[1] = instruction(Code::constant, Elem::f32, {});
  lanes.lanes = Lanes::inner;
  product.values[2].op = Op::mul;
  for (const Kernel &kernel : {longer, other_stride, constant, lanes, product}) CHECK(is_another(kernel));
}

TEST_CASE("what no instruction uses and what moves on with each step do not tell forms apart", "[forms]") {
  std::vector<Buffer> buffers = {scratch(0), scratch(64), scratch(128)};
  Kernel unused = sum("b", 0, 1, 2);
  unused.values.insert(unused.values.begin() + 2, instruction(Code::constant, Elem::f64, {}));
  unused.values[4].operands = {3};
  unused.stages[0].code = {0, 1, 3, 4};
  CHECK(forms_of({entry_of("train", buffers, {sum("a", 0, 1, 2), unused})}) == std::vector<int>{0, 0});

  Buffer rows{Space::rows, 0, 0, Elem::i32, Size::power(1, 1), "rows"};
  Kernel copy;
  copy.name = "rows";
  copy.axes = {Size::power(1, 1)};
  copy.values = {load_of(Elem::i32, {0, 0, {1}, {}}, {}), store_of(0, Elem::i32, {1, 0, {1}, {}}, {})};
  copy.stages = {Stage{{}, {0, 1}}};
  Entry train = entry_of("train", {rows, scratch(0, Elem::i32)}, {copy}), evaluate = train;
  train.steps = true, evaluate.name = "evaluate";
  CHECK(forms_of({train, evaluate}) == std::vector<int>{0, 0});
}

TEST_CASE("the extent that threads share and where constants stand do not tell forms apart", "[forms]") {
  auto forms_for = [](std::vector<int64_t> extents) {
    std::vector<Kernel> kernels;
    for (int64_t extent : extents) {
      kernels.push_back(sum(("k" + std::to_string(kernels.size())).c_str(), 0, 1, 2));
      kernels.back().axes = {extent};
    }
    std::vector<Buffer> buffers = {scratch(0), scratch(1 << 20), scratch(2 << 20)};
    return forms_of({entry_of("train", buffers, kernels)});
  };
  CHECK(forms_for({128, 4096, 65, 1025}) == std::vector<int>{0, 0, 1, 1});
  CHECK(forms_for({128, 16, 8}) == std::vector<int>{0, 1, 2});

  // a·2 + 1 with the constants where they are used, and in front with the operands exchanged
  Kernel late = sum("a", 0, 1, 2), early = late;
  Instruction two = instruction(Code::constant, Elem::f32, {}), one = two;
  two.value = 2, one.value = 1;
  Instruction load = late.values[0], store = late.values[3];
  store.operands = {4};
  late.values = {load, two, scalar_of(Op::mul, Elem::f32, {0, 1}, {}), one, scalar_of(Op::add, Elem::f32, {2, 3}, {}), store};
  early.values = {one, two, load, scalar_of(Op::mul, Elem::f32, {1, 2}, {}), scalar_of(Op::add, Elem::f32, {0, 3}, {}), store};
  late.stages = early.stages = {Stage{{}, {0, 1, 2, 3, 4, 5}}};
  CHECK(forms_of({entry_of("train", {scratch(0), scratch(64), scratch(128)}, {late, early})}) == std::vector<int>{0, 0});
}

TEST_CASE("a long entry computes from tables what a short one has in its code", "[forms]") {
  // Kernel i adds buffer i + 1 to the sum so far.
  constexpr int kernels = 150, examples = 5;
  const Size B = Size::power(1, 1);
  Entry entry;
  entry.name = "train", entry.steps = true;
  for (int i = 0; i <= 2 * kernels; ++i)
    entry.buffers.push_back({Space::arena, 0, B * Size(64 * i), Elem::f32, B * Size(16), "b"});
  entry.arena_bytes = B * Size(64 * (2 * kernels + 1));
  for (int i = 0; i < kernels; ++i) {
    std::string name = "k" + std::to_string(i);
    Kernel kernel = sum(name.c_str(), i == 0 ? 0 : kernels + i, i + 1, kernels + i + 1);
    kernel.axes = {B * Size(16)};
    entry.kernels.push_back(std::move(kernel));
  }
  CHECK(kernel_forms(std::vector<Entry>{entry}, processor({"x86-64-v3"})).forms.size() == 1);
  for (int threads : {1, 2}) {
    std::vector<float> arena((2 * kernels + 1) * 16 * examples);
    for (size_t i = 0; i < arena.size(); ++i) arena[i] = static_cast<float>(i % 7);
    std::vector<float> expected = arena;
    auto at = [&](int buffer, int i) { return static_cast<size_t>(buffer) * 16 * examples + i; };
    for (int kernel = 0; kernel < kernels; ++kernel)
      for (int i = 0; i < 16 * examples; ++i)
        expected[at(kernels + kernel + 1, i)] = expected[at(kernel == 0 ? 0 : kernels + kernel, i)] + expected[at(kernel + 1, i)];
    int32_t stop = 0;
    nnc_call call{};
    call.arena = reinterpret_cast<unsigned char *>(arena.data());
    call.batch = examples, call.steps = 2, call.stop = &stop;
    Loaded loaded({{entry}, "{}"}, {"native", 0});
    runtime::Team(threads).run(reinterpret_cast<nnc_entry>(loaded.entry("train")), call);
    CHECK(call.done == 2);
    CHECK(arena == expected);
  }
}

TEST_CASE("draws for a matrix and for a vector, scaled by different numbers, share their code", "[forms]") {
  auto scaled = [](const char *name, double factor, BufferId to, bool is_matrix) {
    Kernel kernel = draw(name, 7, to);
    kernel.values.pop_back(), kernel.stages[0].code.pop_back();
    auto add = [&](Instruction made) {
      kernel.values.push_back(std::move(made));
      kernel.stages[0].code.push_back(static_cast<ValueId>(kernel.values.size()) - 1);
      return kernel.stages[0].code.back();
    };
    Instruction number = instruction(Code::constant, Elem::f32, {});
    number.value = factor;
    ValueId real = add(scalar_of(Op::convert, Elem::f32, {2}, {}));
    ValueId product = add(scalar_of(Op::mul, Elem::f32, {real, add(number)}, {}));
    add(store_of(product, Elem::f32, {to, 0, {1}, {}}, {}));
    if (!is_matrix) return kernel;
    kernel.axes = {4, 4};
    Instruction columns = instruction(Code::constant, Elem::i32, {}), inner = instruction(Code::axis, Elem::i32, {});
    columns.value = 4, inner.axis = 1;
    kernel.values.insert(kernel.values.begin() + 2,
                         {columns, scalar_of(Op::mul, Elem::i32, {2, 0}, {}), inner, scalar_of(Op::add, Elem::i32, {3, 4}, {})});
    for (size_t id = 6; id < kernel.values.size(); ++id)
      for (ValueId &operand : kernel.values[id].operands)
        if (operand >= 2) operand += 4;
    kernel.values[6].operands.back() = 5;
    kernel.values.back().access.strides = {4, 1};
    kernel.stages[0].code.clear();
    for (size_t id = 0; id < kernel.values.size(); ++id) kernel.stages[0].code.push_back(static_cast<ValueId>(id));
    return kernel;
  };
  std::vector<Buffer> buffers = {scratch(0), scratch(64), scratch(128)};
  std::vector<Entry> entries = {
      entry_of("train", buffers, {scaled("a", 0.5, 0, false), scaled("b", 1, 1, false), scaled("c", 0.5, 2, true)})};
  CHECK(forms_of(entries) == std::vector<int>{0, 0, 0});
  std::vector<int32_t> arena(64);
  run(entries, "train", arena);
  auto real = [&](int i) { return std::bit_cast<float>(arena[i]); };
  for (int i = 0; i < 16; ++i) CHECK((real(i) == 0.5f * real(16 + i) && arena[i] == arena[32 + i]));
}

TEST_CASE("draws of different paths share their code and draw different numbers", "[forms]") {
  std::vector<Buffer> buffers = {scratch(0, Elem::i32), scratch(64, Elem::i32), scratch(128, Elem::i32)};
  std::vector<Entry> entries = {entry_of("train", buffers, {draw("a", 7, 0), draw("b", ~uint64_t{0}, 1), draw("c", 7, 2)})};
  CHECK(forms_of(entries) == std::vector<int>{0, 0, 0});
  std::vector<int32_t> arena(64);
  run(entries, "train", arena);
  CHECK(std::set<int32_t>(arena.begin(), arena.begin() + 32).size() == 32);
  CHECK(std::equal(arena.begin(), arena.begin() + 16, arena.begin() + 32));
}
