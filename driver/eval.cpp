// `nnc eval MODEL.nn NAME`: one function or model on given values.

#include "driver/arguments.h"
#include "driver/commands.h"
#include "driver/run_function.h"
#include "ir/builder.h"
#include "passes/differentiate.h"
#include "runtime/safetensors.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>

namespace nnc::driver {
namespace {

using runtime::Element;

/// Element of a file's tensor in the graph: all floats are `real`, indices and whole numbers i32.
ir::Elem graph_elem(Element element, ir::Elem real) {
  switch (element) {
  case Element::f16:
  case Element::bf16:
  case Element::f32:
  case Element::f64: return real;
  case Element::boolean: return ir::Elem::boolean;
  default: return ir::Elem::i32;
  }
}

ir::Array array_of(const runtime::NamedTensor &tensor, ir::Elem real) {
  ir::Array array{graph_elem(tensor.dtype, real), tensor.shape, {}};
  array.values.resize(static_cast<size_t>(tensor.elements()));
  auto misfit = runtime::convert(tensor.bytes.data(), tensor.dtype, false, tensor.elements(), runtime::Stored::f64,
                                 array.values.data(), runtime::NotFinite::taken);
  bool whole = array.elem == ir::Elem::i32;
  for (double value : array.values)
    if (whole && std::fabs(value) > 2147483647.0)
      throw CommandError(1, fmt::format("`{}` holds {}, which does not fit 32 bits", tensor.name, value));
  if (misfit) throw CommandError(1, fmt::format("`{}`, element {}: {}", tensor.name, misfit->index, misfit->reason));
  if (real == ir::Elem::f32 && array.elem == ir::Elem::f32)
    for (double &value : array.values) value = static_cast<float>(value);
  return array;
}

using Values = std::map<std::string, ir::Array>;

Values read_values(const EvalOptions &eval, ir::Elem real) {
  Values values;
  if (!eval.in.empty())
    for (const runtime::NamedTensor &tensor : runtime::read_safetensors(eval.in)) values[tensor.name] = array_of(tensor, real);
  for (const std::string &text : eval.values) {
    WrittenArgument written = parse_argument(text);
    if (!values.emplace(written.name, std::move(written.value)).second)
      throw CommandError(2, fmt::format("`{}` is given twice", written.name));
  }
  return values;
}

/// Arguments that are given as whole numbers where the function takes reals become reals.
void fit_element(ir::Array &array, ir::Elem wanted) {
  array.elem = wanted;
  if (wanted == ir::Elem::f32)
    for (double &value : array.values) value = static_cast<float>(value);
}

/// An argument of type index(n) lies in 0 to n - 1.
void check_range(const ir::Array &array, const frontend::Type &type, const std::string &name) {
  if (type.element.kind != frontend::ElementKind::index) return;
  for (double value : array.values)
    if (value < 0 || value >= static_cast<double>(type.element.limit.value))
      throw CommandError(1, fmt::format("`{}` holds {}, but its type is index({}): 0 to {}", name, value,
                                        type.element.limit.value, type.element.limit.value - 1));
}

/// Appends the gradients of the sum of all results with respect to every real input, as outputs behind the results.
std::vector<std::string> add_gradients(ir::Function &function) {
  ir::Builder builder(function);
  ir::NodeId total = ir::no_node;
  for (const ir::Output &output : function.outputs) {
    ir::Type type = function.type(output.node);
    if (!ir::is_float(type.elem)) continue;
    std::vector<int64_t> axes;
    for (int axis = 0; axis < type.rank(); ++axis) axes.push_back(axis);
    ir::NodeId sum = axes.empty() ? output.node : builder.reduce(ir::ReduceKind::add, output.node, axes);
    total = total == ir::no_node ? sum : builder.add(total, sum);
  }
  std::vector<ir::NodeId> inputs;
  std::vector<std::string> names;
  for (const ir::Input &input : function.inputs) {
    bool given = input.kind == ir::InputKind::argument || input.kind == ir::InputKind::tensor;
    if (!given || !ir::is_float(function.type(input.node).elem)) continue;
    inputs.push_back(input.node);
    names.push_back("grad." + input.name);
  }
  std::vector<ir::NodeId> gradients(inputs.size(), ir::no_node);
  if (total != ir::no_node) gradients = passes::differentiate(builder, total, builder.like(total, 1), inputs);
  int slot = static_cast<int>(function.outputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    ir::NodeId gradient = gradients[i] == ir::no_node ? builder.like(inputs[i], 0) : gradients[i];
    builder.output({ir::OutputKind::result, slot++, names[i], gradient});
  }
  return names;
}

Element file_element(ir::Elem elem) {
  switch (elem) {
  case ir::Elem::boolean: return Element::boolean;
  case ir::Elem::u8: return Element::u8;
  case ir::Elem::i32: return Element::i32;
  case ir::Elem::f32: return Element::f32;
  case ir::Elem::f64: return Element::f64;
  }
  return Element::f64;
}

runtime::NamedTensor tensor_of(const std::string &name, const ir::Array &array) {
  runtime::NamedTensor tensor;
  tensor.name = name;
  tensor.dtype = file_element(array.elem);
  tensor.shape = array.dims;
  tensor.bytes = runtime::Memory(static_cast<int64_t>(array.values.size()) * runtime::element_bytes(tensor.dtype), "a result");
  for (size_t i = 0; i < array.values.size(); ++i) {
    double value = array.values[i];
    switch (array.elem) {
    case ir::Elem::f64: tensor.bytes.as<double>()[i] = value; break;
    case ir::Elem::f32: tensor.bytes.as<float>()[i] = static_cast<float>(value); break;
    case ir::Elem::i32: tensor.bytes.as<int32_t>()[i] = static_cast<int32_t>(value); break;
    default: tensor.bytes.as<uint8_t>()[i] = static_cast<uint8_t>(value); break;
    }
  }
  return tensor;
}

} // namespace

int eval_function(const CompileOptions &options, const EvalOptions &eval) {
  if (!eval.out.empty() && eval.in.empty() && eval.values.empty())
    throw CommandError(2, "`--out` needs arguments, by `--in FILE` or NAME=VALUE");
  Compilation compilation(options);
  const ir::Elem real = options.real == "f64" ? ir::Elem::f64 : ir::Elem::f32;
  Values values = read_values(eval, real);
  std::vector<frontend::Elaborator::NamedType> types;
  for (const auto &[name, array] : values) types.push_back({name, array.elem, array.dims});

  auto function = compilation.elaborator->elaborate_function(*compilation.file, eval.function, types);
  compilation.elaborator->finish(*compilation.file);
  if (compilation.report() || !function) return 1;

  std::vector<std::string> names;
  size_t results = function->function.outputs.size();
  for (size_t i = 0; i < results; ++i) names.push_back(results == 1 ? "result" : fmt::format("result.{}", i));
  if (eval.gradients)
    for (std::string &name : add_gradients(function->function)) names.push_back(std::move(name));

  // Parameters that are not given take their initial values.
  std::map<int, ir::Array> initial;
  std::vector<ir::Function> initialisers = compilation.elaborator->initial_values();
  if (compilation.report()) return 1;
  auto value = [&](const ir::Input &input) -> const ir::Array & {
    auto given = values.find(input.name);
    const ir::Elem elem = function->function.type(input.node).elem;
    if (given != values.end()) {
      fit_element(given->second, elem);
      if (input.kind == ir::InputKind::argument) check_range(given->second, function->argument_types[input.slot], input.name);
      return given->second;
    }
    if (input.kind != ir::InputKind::tensor)
      throw CommandError(1, fmt::format("the argument `{}` of `{}` is missing", input.name, eval.function));
    auto nothing = [](const ir::Input &) -> const ir::Array & { throw ir::InternalError("an initial value has arguments"); };
    return initial[input.slot] = CompiledFunction(initialisers[input.slot], compilation, 0).run(nothing)[0];
  };
  std::vector<ir::Array> outputs = CompiledFunction(function->function, compilation, 0).run(value);

  if (!eval.out.empty()) {
    std::vector<runtime::NamedTensor> tensors;
    for (size_t i = 0; i < outputs.size(); ++i) tensors.push_back(tensor_of(names[i], outputs[i]));
    runtime::write_safetensors(eval.out, tensors);
    return 0;
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    bool alone = outputs.size() == 1;
    fmt::print("{}{}\n", alone ? "" : names[i] + " = ", print_array(outputs[i]));
  }
  return 0;
}

} // namespace nnc::driver
