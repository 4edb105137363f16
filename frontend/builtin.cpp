#include "frontend/builtin.h"

#include "frontend/leaves.h"
#include "frontend/limits.h"
#include "frontend/sizes.h"

#include <algorithm>
#include <array>

namespace nnc::frontend {

using K = DiagnosticKind;

namespace {

std::array<std::span<const Builtin>, 5> tables() {
  return {elementwise_builtins(), reduction_builtins(), shape_builtins(), data_builtins(), other_builtins()};
}

/// The names in `formals`: "a, b" gives a and b.
std::vector<std::string> formal_names(const Builtin &builtin) {
  std::vector<std::string> names;
  std::string name;
  for (const char *c = builtin.formals;; ++c) {
    if (*c != ',' && *c != '\0') {
      if (*c != ' ') name += *c;
      continue;
    }
    names.push_back(std::move(name));
    name.clear();
    if (*c == '\0') return names;
  }
}

} // namespace

const Builtin *find_builtin(std::string_view name) {
  for (std::span<const Builtin> table : tables())
    for (const Builtin &builtin : table)
      if (name == builtin.name) return &builtin;
  return nullptr;
}

std::string arguments_text(size_t count) { return fmt::format("{} argument{}", count, count == 1 ? "" : "s"); }

std::span<const BuiltinWord> builtin_words() {
  static constexpr BuiltinWord words[] = {
      {"pi", "π, half a turn in radians"},
      {"inf", "∞: greater than every number"},
      {"training", "whether this is a step of training: false in validation, in `predict` and in `nnc eval`"},
      {"step", "the number of the step, from 1; in validation that of the step just done"},
      {"steps", "how many steps the training takes"},
      {"epoch", "the number of the epoch, from 1"},
      {"here", "this example's number in the mini-batch, an index(batch)"},
  };
  return words;
}

std::vector<std::string> builtin_names() {
  std::vector<std::string> names;
  for (std::span<const Builtin> table : tables())
    for (const Builtin &builtin : table) names.push_back(builtin.name);
  return names;
}

Value Elaborator::call_builtin(const Builtin &builtin, std::vector<EvaluatedArgument> arguments, Span span,
                               const Context &context) {
  if (*builtin.formals == '\0') return builtin.function({*this, builtin, std::move(arguments), span, context});
  const std::vector<std::string> names = formal_names(builtin);
  const std::string takes = fmt::format("`{}` takes ({})", builtin.name, builtin.formals);
  // Arguments given by name go to their places, which those by position must have filled up to them.
  std::vector<EvaluatedArgument> ordered;
  for (EvaluatedArgument &argument : arguments)
    if (argument.name.empty()) ordered.push_back(std::move(argument));
  for (size_t at = 0; at < names.size(); ++at)
    for (EvaluatedArgument &argument : arguments)
      if (argument.name == names[at]) {
        if (at < ordered.size()) {
          report(K::argument_twice, argument.span, context, argument.name, builtin.name).note(takes);
          return {};
        }
        if (at == ordered.size()) ordered.push_back(argument);
      }
  for (const EvaluatedArgument &argument : arguments)
    if (!argument.name.empty() && std::find(names.begin(), names.end(), argument.name) == names.end()) {
      report(K::unknown_argument, argument.span, context, builtin.name, argument.name).note(takes);
      return {};
    }
  const int count = static_cast<int>(ordered.size());
  if (count < builtin.least || ordered.size() < arguments.size()) {
    report(K::missing_argument, span, context, builtin.name, count < static_cast<int>(names.size()) ? names[count] : names.back())
        .note(takes);
    return {};
  }
  if (builtin.most >= 0 && count > builtin.most) {
    report(K::too_many_arguments, ordered[builtin.most].span, context, builtin.name, arguments_text(builtin.most), count)
        .note(takes);
    return {};
  }
  return builtin.function({*this, builtin, std::move(ordered), span, context});
}

std::string BuiltinCall::what(size_t i) const { return fmt::format("argument {} of `{}`", i + 1, builtin.name); }

std::optional<TensorValue> BuiltinCall::tensor(size_t i, ElementKind literal) const {
  return elaborator.to_tensor(arguments[i].value, arguments[i].span, context, literal);
}

std::optional<TensorValue> BuiltinCall::real(size_t i) const {
  const auto value = tensor(i);
  return value ? std::optional(widen(*value, ElementKind::real)) : std::nullopt;
}

std::optional<int64_t> BuiltinCall::integer(size_t i, int64_t least) const {
  const auto value = elaborator.as_integer(arguments[i].value, what(i), arguments[i].span, context);
  if (!value || *value >= least) return value;
  report(K::number_too_small, arguments[i].span, what(i), least, *value);
  return std::nullopt;
}

std::optional<Dim> BuiltinCall::dimension_of(const Value &value, size_t i, bool batch) const {
  if (counts_examples(value) && batch) return batch_dim;
  const auto extent = elaborator.as_integer(value, what(i), arguments[i].span, context);
  if (!extent) return std::nullopt;
  if (*extent >= 1) return Dim{*extent, value.get<NumberValue>()->name};
  report(K::dimension_not_positive, arguments[i].span, *extent);
  return std::nullopt;
}

std::optional<Dim> BuiltinCall::dimension(size_t i) const {
  const auto dim = dimension_of(arguments[i].value, i, true);
  return dim && size_ok({*dim}) ? dim : std::nullopt;
}

std::optional<std::vector<Dim>> BuiltinCall::shape(size_t first, bool batch) const {
  std::vector<Dim> dims;
  bool ok = true;
  for (size_t i = first; i < arguments.size(); ++i)
    for_each_leaf(arguments[i].value, [&](const Value &leaf) {
      const auto dim = dimension_of(leaf, i, batch);
      ok = ok && dim;
      if (dim) dims.push_back(*dim);
    });
  if (!ok || !size_ok(dims)) return std::nullopt;
  return dims;
}

bool BuiltinCall::extents_known(std::span<const Dim> dims) const {
  return std::all_of(dims.begin(), dims.end(), [&](const Dim &dim) {
    return elaborator.extent_known(dim, fmt::format("`{}`", builtin.name), span, context);
  });
}

Value BuiltinCall::result(ir::NodeId node, Type type) const { return {elaborator.make(node, std::move(type), context)}; }

bool BuiltinCall::align(TensorValue &a, size_t i, TensorValue &b, size_t j) const {
  return elaborator.align(a, arguments[i].span, b, arguments[j].span, span, fmt::format("`{}`", builtin.name), context);
}

std::map<int, TensorValue> BuiltinCall::parameters(const InstanceValue &instance) const {
  std::map<int, TensorValue> values;
  for (int slot : elaborator.parameters(*instance.instance)) values.emplace(slot, elaborator.read_slot(slot, context, &instance));
  return values;
}

Value BuiltinCall::stack(const std::vector<Value> &items) const { return elaborator.stack_values(items, span, context); }

Value BuiltinCall::gradient() const {
  return elaborator.gradient(arguments[0].value, arguments[0].span, arguments[1].value, arguments[1].span, span, context);
}

Value BuiltinCall::jacobian() const {
  return elaborator.jacobian(arguments[0].value, arguments[0].span, arguments[1].value, arguments[1].span, span, context);
}

Value BuiltinCall::draw(bool is_normal, const std::vector<Dim> &dims) const {
  const double numbers = elements_of(ir_type({{}, dims}));
  if (numbers > max_drawn) report(K::limit_exceeded, span, "numbers of a draw", whole_number(numbers), max_drawn);
  return numbers > max_drawn ? Value{} : Value{elaborator.draw(is_normal, dims, context)};
}

Value BuiltinCall::reduce(ReduceKind kind, const TensorValue &value) const {
  return elaborator.reduce_axes(kind, value, value.type.dims.size() - 1, 1, context);
}

std::optional<TensorValue> BuiltinCall::broadcast(const TensorValue &value, const std::vector<Dim> &dims) const {
  return elaborator.broadcast_to(value, dims, context);
}

} // namespace nnc::frontend
