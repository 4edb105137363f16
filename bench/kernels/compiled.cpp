#include "kernels/compiled.h"

#include "codegen/make_entry.h"
#include "frontend/elaborator.h"
#include "frontend/prelude.h"
#include "passes/pass.h"
#include "source/diagnostics.h"

#include <random>
#include <stdexcept>

namespace nnc::bench {
namespace {

ir::Function elaborate(const Case &what) {
  SourceMap sources;
  Diagnostics diagnostics(sources);
  frontend::ElaboratorOptions options;
  options.prelude = frontend::prelude_files();
  frontend::Elaborator elaborator(sources, diagnostics, std::move(options));
  const frontend::FileScope *file = elaborator.load(what.name, what.text);
  std::vector<frontend::Elaborator::NamedType> types;
  for (const Argument &argument : what.arguments) types.push_back({argument.name, ir::Elem::f32, argument.shape});
  auto function = elaborator.elaborate_function(*file, "run", types);
  elaborator.finish(*file);
  if (diagnostics.error_count() || !function) throw std::runtime_error(render_text(diagnostics, false));
  return passes::optimize(std::move(function->function), {});
}

/// Arguments become tensors of the state block.
codegen::Layout lay_out(ir::Function &function) {
  codegen::Layout layout;
  for (ir::Input &input : function.inputs) {
    if (input.kind != ir::InputKind::argument) continue;
    input.kind = ir::InputKind::tensor;
    input.slot = static_cast<int>(layout.tensors.size());
    layout.tensors.push_back({input.name, function.type(input.node), 0});
  }
  codegen::place_tensors(layout);
  return layout;
}

int64_t count(const ir::Type &type) {
  int64_t elements = 1;
  for (const ir::Extent &extent : type.dims) elements *= extent.count;
  return elements;
}

} // namespace

Compiled::Compiled(const Case &what, const codegen::Target &target, int threads,
                   const std::function<void(const std::string &)> &printed)
    : team_(threads) {
  ir::Function function = elaborate(what);
  function.name = "function";
  const codegen::Layout layout = lay_out(function);
  codegen::Entry entry = codegen::make_entry(function, layout, {.target = target});
  if (printed) printed(codegen::print(entry));
  state_ = runtime::Memory(layout.state_bytes + 64, "arguments");
  arena_ = runtime::Memory(entry.arena_bytes.at(1) + 64, "intermediate values");
  loaded_ = std::make_unique<codegen::Loaded>(codegen::Unit{{std::move(entry)}, ""}, target);
  entry_ = reinterpret_cast<nnc_entry>(loaded_->entry("function"));

  std::minstd_rand random;
  std::uniform_real_distribution<float> uniform(0.0f, 1.0f);
  for (const codegen::TensorLayout &tensor : layout.tensors)
    for (int64_t i = 0; i < count(tensor.type); ++i)
      reinterpret_cast<float *>(state_.data() + tensor.offset)[i] = uniform(random);

  outputs_.resize(function.outputs.size());
  for (const ir::Output &output : function.outputs) {
    const ir::Type &type = function.type(output.node);
    results_.emplace_back(count(type) * ir::bytes(type.elem) + 64, "a result");
    outputs_.at(static_cast<size_t>(output.slot)) = results_.back().data();
  }
  call_.state = state_.data();
  call_.arena = arena_.data();
  call_.outputs = outputs_.data();
  call_.batch = call_.steps = 1;
}

void Compiled::run() {
  if (call_.alone)
    entry_(&call_, 0, 1); // as the runtime does: the entry has said that it has no work for more threads
  else
    team_.run(entry_, call_);
}

} // namespace nnc::bench
