#include "driver/run_function.h"

#include "codegen/compile.h"
#include "codegen/index.h"
#include "codegen/stack.h"
#include "codegen/target.h"
#include "passes/pass.h"
#include "runtime/memory.h"
#include "runtime/module.h"
#include "runtime/stack.h"

#include <cstring>

namespace nnc::driver {
namespace {

std::vector<int64_t> dims_of(const ir::Shape &shape) {
  std::vector<int64_t> dims;
  for (const ir::Extent &extent : shape) dims.push_back(extent.count);
  return dims;
}

template <typename T> void store(const ir::Array &array, unsigned char *to) {
  T *out = reinterpret_cast<T *>(to);
  for (size_t i = 0; i < array.values.size(); ++i) out[i] = static_cast<T>(array.values[i]);
}

void store(const ir::Array &array, ir::Elem elem, unsigned char *to) {
  switch (elem) {
  case ir::Elem::boolean:
  case ir::Elem::u8: return store<uint8_t>(array, to);
  case ir::Elem::i32: return store<int32_t>(array, to);
  case ir::Elem::f32: return store<float>(array, to);
  case ir::Elem::f64: return store<double>(array, to);
  }
}

template <typename T> void fetch(const unsigned char *from, ir::Array &array) {
  const T *in = reinterpret_cast<const T *>(from);
  for (size_t i = 0; i < array.values.size(); ++i) array.values[i] = static_cast<double>(in[i]);
}

void fetch(const unsigned char *from, ir::Array &array) {
  switch (array.elem) {
  case ir::Elem::boolean:
  case ir::Elem::u8: return fetch<uint8_t>(from, array);
  case ir::Elem::i32: return fetch<int32_t>(from, array);
  case ir::Elem::f32: return fetch<float>(from, array);
  case ir::Elem::f64: return fetch<double>(from, array);
  }
}

} // namespace

struct CompiledFunction::State {
  ir::Function graph;            // arguments have become tensors
  std::vector<ir::Input> inputs; // as they were, by slot of the tensor
  codegen::Layout layout;
  codegen::Entry entry;
  std::unique_ptr<codegen::Loaded> loaded;
  runtime::Memory state, arena;
  std::vector<runtime::Memory> results;
  std::vector<void *> outputs;
  uint64_t seed = 0;
  int64_t stack = 0;
};

CompiledFunction::CompiledFunction(const ir::Function &function, const Compilation &compilation, uint64_t seed)
    : state_(std::make_unique<State>()) {
  State &s = *state_;
  s.seed = seed;
  s.graph = passes::optimize(function, {});
  s.graph.name = "function";
  for (ir::Input &input : s.graph.inputs) {
    if (input.kind != ir::InputKind::argument && input.kind != ir::InputKind::tensor) continue;
    s.inputs.push_back(input);
    s.layout.tensors.push_back({input.name, s.graph.type(input.node), 0});
    input.kind = ir::InputKind::tensor;
    input.slot = static_cast<int>(s.layout.tensors.size()) - 1;
  }
  codegen::place_tensors(s.layout);
  const codegen::Target target = compilation.target();
  s.entry = compilation.entry(s.graph, s.layout, {.target = target});
  s.stack = codegen::stack_bytes(s.entry, codegen::processor(target));
  s.loaded = std::make_unique<codegen::Loaded>(codegen::Unit{{s.entry}, ""}, target);
  s.state = runtime::Memory(s.layout.state_bytes + 64, "the arguments");
  s.arena = runtime::Memory(s.entry.arena_bytes.at(1) + 64, "intermediate values");
  for (const ir::Output &output : s.graph.outputs) {
    const ir::Type &type = s.graph.type(output.node);
    s.results.emplace_back(codegen::element_count_at(type.dims, 1) * ir::bytes(type.elem) + 64, "a result");
    if (s.outputs.size() <= static_cast<size_t>(output.slot)) s.outputs.resize(output.slot + 1);
    s.outputs[output.slot] = s.results.back().data();
  }
}

CompiledFunction::~CompiledFunction() = default;

std::vector<ir::Array> CompiledFunction::run(const std::function<const ir::Array &(const ir::Input &)> &value) {
  State &s = *state_;
  for (size_t slot = 0; slot < s.inputs.size(); ++slot)
    store(value(s.inputs[slot]), s.layout.tensors[slot].type.elem, s.state.data() + s.layout.tensors[slot].offset);
  nnc_call call{};
  call.state = s.state.data();
  call.arena = s.arena.data();
  call.outputs = s.outputs.data();
  call.batch = 1;
  call.steps = 1;
  call.seed = s.seed;
  runtime::with_stack(s.stack, [&] { reinterpret_cast<nnc_entry>(s.loaded->entry("function"))(&call, 0, 1); });
  std::vector<ir::Array> results;
  for (size_t i = 0; i < s.results.size(); ++i) {
    const ir::Type &type = s.graph.type(s.graph.outputs[i].node);
    ir::Array array{type.elem, dims_of(type.dims), std::vector<double>(codegen::element_count_at(type.dims, 1))};
    fetch(s.results[i].data(), array);
    results.push_back(std::move(array));
  }
  return results;
}

} // namespace nnc::driver
