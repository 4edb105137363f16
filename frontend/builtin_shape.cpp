// Builtins that make tensors or move their elements.

#include "frontend/builtin.h"
#include "frontend/literal.h"

#include <algorithm>
#include <numeric>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;

Type real_type(std::vector<Dim> dims) { return {{}, std::move(dims)}; }

Value filled(const BuiltinCall &call) {
  const auto dims = call.shape(0, true);
  if (!dims) return {};
  const Type type = real_type(*dims);
  return call.result(call.build().constant(call.ir_type(type), std::string_view(call.builtin.name) == "ones" ? 1.0 : 0.0), type);
}

Value range(const BuiltinCall &call) {
  const auto count = call.dimension(0);
  if (!count) return {};
  const Type type{{ElementKind::index, *count, {}}, {*count}};
  return call.result(call.build().iota(call.ir_type(type).dims, 0), type);
}

/// [..., n] of 0 and 1: whether the last axis's number is the index.
Value one_hot(const BuiltinCall &call) {
  const auto index = call.tensor(0, ElementKind::index);
  if (!index) return {};
  const Element &element = index->type.element;
  if (element.kind != ElementKind::index || (element.variable && !element.variable->known)) {
    call.report(K::operand_type, call.arguments[0].span, "`one_hot`", "an index whose range is known", to_string(index->type));
    return {};
  }
  Type type = real_type(index->type.dims);
  type.dims.push_back(element.variable ? element.variable->extent : element.limit);
  if (!call.size_ok(type.dims)) return {};
  const ir::Shape shape = call.ir_type(type).dims;
  std::vector<int64_t> axes(index->type.dims.size());
  std::iota(axes.begin(), axes.end(), 0);
  ir::Builder &build = call.build();
  const ir::NodeId numbers = build.iota(shape, static_cast<int>(shape.size()) - 1);
  const ir::NodeId here = build.binary(ir::Op::equal, numbers, build.broadcast(index->node, shape, axes));
  return call.result(build.convert(here, call.ir_type(type).elem), type);
}

/// The parts with one element, their shapes equal behind the first axis where `along` is set, else altogether.
bool same_shapes(const BuiltinCall &call, std::vector<TensorValue> &parts, bool along) {
  ElementKind widest = ElementKind::boolean;
  for (const TensorValue &part : parts) widest = std::max(widest, part.type.element.kind);
  for (size_t i = 0; i < parts.size(); ++i) {
    TensorValue &part = parts[i];
    const std::vector<Dim> &dims = part.type.dims, &first = parts.front().type.dims;
    bool same = dims.size() == first.size() && (!along || !dims.empty());
    for (size_t k = along ? 1 : 0; same && k < dims.size(); ++k) same = agree(dims[k], first[k]);
    if (!same) {
      Diagnostic &diagnostic = call.report(K::shapes_differ, call.span, fmt::format("`{}`", call.builtin.name),
                                           to_string(parts.front().type), to_string(part.type));
      diagnostic.note(along ? "all axes but the first must be equal, and there must be one" : "the shapes must be equal");
      return false;
    }
    if (part.type.element.kind != widest) part = call.widen(part, widest);
    if (widest == ElementKind::index && !within(part.type.element.limit, parts.front().type.element.limit))
      parts.front().type.element.limit = part.type.element.limit;
  }
  return true;
}

Value concat(const BuiltinCall &call) {
  auto parts = tensors_together(call.elaborator, call.arguments, call.context);
  if (!parts || !same_shapes(call, *parts, true)) return {};
  Type type = parts->front().type;
  std::vector<ir::NodeId> nodes;
  int64_t extent = 0;
  for (const TensorValue &part : *parts) {
    if (parts->size() > 1 && !call.extents_known({part.type.dims.data(), 1})) return {};
    nodes.push_back(part.node);
    if (__builtin_add_overflow(extent, part.type.dims[0].value, &extent)) return {};
  }
  if (parts->size() == 1) return {parts->front()};
  type.dims[0] = {extent, nullptr};
  return call.size_ok(type.dims) ? call.result(call.build().concatenate(nodes, 0), type) : Value{};
}

Value stack(const BuiltinCall &call) {
  std::vector<Value> items;
  bool numbers = true;
  for (const EvaluatedArgument &argument : call.arguments) {
    items.push_back(argument.value);
    numbers = numbers && argument.value.is<NumberValue>();
  }
  return numbers ? list(std::move(items)) : call.stack(items); // of numbers a literal, which can still become indices
}

Value split(const BuiltinCall &call) {
  const auto value = call.tensor(0);
  const auto parts = call.integer(1, 1);
  if (!value || !parts) return {};
  if (!value->type.dims.empty() && !call.extents_known({value->type.dims.data(), 1})) return {};
  if (value->type.dims.empty() || value->type.dims[0].value % *parts != 0) {
    call.report(K::cannot_split, call.arguments[0].span, to_string(value->type), *parts);
    return {};
  }
  Type type = value->type;
  const int64_t rows = type.dims[0].value / *parts;
  type.dims[0] = {rows, *parts == 1 ? type.dims[0].name : nullptr};
  std::vector<Value> pieces;
  for (int64_t i = 0; i < *parts; ++i) {
    std::vector<int64_t> start(type.dims.size(), 0), limit, stride(type.dims.size(), 1);
    for (const Dim &dim : value->type.dims) limit.push_back(dim.batch ? 0 : dim.value);
    start[0] = i * rows;
    limit[0] = (i + 1) * rows;
    pieces.push_back(call.result(call.build().slice(value->node, start, limit, stride), type));
  }
  return tuple(std::move(pieces));
}

Value reshape(const BuiltinCall &call) {
  const auto value = call.tensor(0);
  const auto dims = call.shape(1);
  if (!value || !dims) return {};
  if (!call.extents_known(value->type.dims)) return {};
  int64_t have = 1, wanted = 1;
  for (const Dim &dim : value->type.dims) have *= dim.value;
  for (const Dim &dim : *dims) wanted *= dim.value;
  const Type type{value->type.element, *dims};
  if (have != wanted) {
    call.report(K::cannot_reshape, call.span, to_string(value->type), have, to_string(type), wanted);
    return {};
  }
  return call.result(call.build().reshape(value->node, call.ir_type(type).dims), type);
}

Value flatten(const BuiltinCall &call) {
  const auto value = call.tensor(0);
  if (!value) return {};
  if (value->type.dims.size() == 1) return {*value};
  if (!call.extents_known(value->type.dims)) return {};
  int64_t elements = 1;
  for (const Dim &dim : value->type.dims) elements *= dim.value;
  const Type type{value->type.element, {{elements, nullptr}}};
  if (!call.size_ok(type.dims)) return {};
  return call.result(call.build().reshape(value->node, call.ir_type(type).dims), type);
}

Value transpose(const BuiltinCall &call) {
  const auto value = call.tensor(0);
  if (!value) return {};
  std::vector<int64_t> permutation;
  for (size_t i = 1; i < call.arguments.size(); ++i) {
    const auto axis = call.integer(i, 0);
    if (!axis) return {};
    permutation.push_back(*axis);
  }
  std::vector<int64_t> sorted = permutation;
  std::sort(sorted.begin(), sorted.end());
  bool all = sorted.size() == value->type.dims.size();
  for (size_t k = 0; all && k < sorted.size(); ++k) all = sorted[k] == static_cast<int64_t>(k);
  if (!all) {
    call.report(K::not_a_permutation, call.span, to_string(value->type), value->type.dims.size());
    return {};
  }
  Type type{value->type.element, {}};
  for (int64_t axis : permutation) type.dims.push_back(value->type.dims[axis]);
  return call.result(call.build().transpose(value->node, permutation), type);
}

Value reverse(const BuiltinCall &call) {
  const auto value = call.tensor(0);
  if (!value) return {};
  if (value->type.dims.empty()) {
    call.report(K::operand_type, call.arguments[0].span, "`reverse`", "a tensor with an axis", to_string(value->type));
    return {};
  }
  if (!call.extents_known({value->type.dims.data(), 1})) return {};
  return call.result(call.build().reverse(value->node, {0}), value->type);
}

Value pad(const BuiltinCall &call) {
  const auto value = call.tensor(0);
  if (!value) return {};
  const size_t rank = value->type.dims.size(), numbers = call.arguments.size() - 1;
  if (numbers % 2 != 0 || numbers / 2 > rank) {
    call.report(K::pad_arguments, call.span, to_string(value->type), numbers);
    return {};
  }
  std::vector<int64_t> before(rank, 0), after(rank, 0);
  Type type = value->type;
  bool padded = false;
  for (size_t k = 0; k < numbers / 2; ++k) {
    const auto front = call.integer(1 + 2 * k, 0), back = call.integer(2 + 2 * k, 0);
    int64_t sum = 0;
    if (!front || !back) return {};
    before[k] = *front;
    after[k] = *back;
    if (__builtin_add_overflow(*front, *back, &sum) || __builtin_add_overflow(type.dims[k].value, sum, &sum)) sum = INT64_MAX;
    if (sum != type.dims[k].value) type.dims[k] = {sum, nullptr};
    if ((*front > 0 || *back > 0) && !call.extents_known({&value->type.dims[k], 1})) return {};
    padded = padded || *front > 0 || *back > 0;
  }
  if (!call.size_ok(type.dims)) return {};
  if (type.element.kind == ElementKind::index) type.element = {ElementKind::index, type.element.limit, {}};
  return padded ? call.result(call.build().pad(value->node, before, after, std::vector<int64_t>(rank, 0)), type) : Value{*value};
}

constexpr Builtin table[] = {
    {"zeros", "shape…", 0, -1, filled, "a tensor of zeros"},
    {"ones", "shape…", 0, -1, filled, "a tensor of ones"},
    {"range", "n", 1, 1, range, "0, 1, …, n-1: an index(n)[n]"},
    {"one_hot", "i", 1, 1, one_hot, "real[n] that is 1 at i and 0 elsewhere"},
    {"concat", "a, b, …", 1, -1, concat, "tensors one behind the other along the first axis"},
    {"stack", "a, b, …", 1, -1, stack, "tensors of one shape along a new first axis"},
    {"split", "x, parts", 2, 2, split, "a tuple of equal parts along the first axis"},
    {"reshape", "x, shape…", 1, -1, reshape, "the same elements in row-major order in another shape"},
    {"flatten", "x", 1, 1, flatten, "the same elements as a vector"},
    {"transpose", "x, axes…", 1, -1, transpose, "the axes in another order"},
    {"reverse", "x", 1, 1, reverse, "the first axis backwards"},
    {"pad", "x, before, after, …", 1, -1, pad, "zeros around the first axis, the second, …"},
};

} // namespace

std::span<const Builtin> shape_builtins() { return table; }

} // namespace nnc::frontend
