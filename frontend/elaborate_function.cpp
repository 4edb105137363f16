// Whole functions: for `nnc eval`, and on their own when nothing has called them.

#include "frontend/data_block.h"
#include "frontend/elaborator.h"
#include "frontend/formal_leaf.h"
#include "frontend/leaves.h"
#include "passes/examples.h"
#include "passes/lift.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;

namespace {

/// `function`, a graph of one example, for the examples of a mini-batch of `count`: their rows are numbered from 0.
ir::Function over_examples(const ir::Function &function, const std::vector<bool> &lifted, int64_t count) {
  const ir::Extent size{count, false};
  const ir::Function batch =
      count == 0 ? passes::alone(function)
                 : passes::for_examples(passes::lift(function, lifted, {1, true}, {.mini_batch = true, .lift_all_outputs = true}),
                                        count);
  ir::Function result;
  result.name = function.name;
  ir::Builder builder(result);
  std::vector<ir::NodeId> arguments;
  for (const ir::Input &input : batch.inputs) {
    const ir::Type &type = batch.type(input.node);
    if (input.kind == ir::InputKind::row)
      arguments.push_back(count == 0 ? builder.constant(type, 0.0) : builder.iota({size}, 0));
    else if (input.kind == ir::InputKind::examples)
      arguments.push_back(builder.constant(type, static_cast<double>(std::max<int64_t>(count, 1))));
    else if (input.kind == ir::InputKind::step || input.kind == ir::InputKind::position)
      arguments.push_back(builder.constant(type, 0.0));
    else
      arguments.push_back(builder.input({input.kind, input.slot, input.name, ir::no_node}, type));
  }
  const std::vector<ir::NodeId> nodes = passes::inline_function(builder, batch, arguments);
  for (size_t i = 0; i < nodes.size(); ++i)
    builder.output({batch.outputs[i].kind, batch.outputs[i].slot, batch.outputs[i].name, nodes[i]});
  return result;
}

} // namespace

Span Elaborator::name_span(const Function &function) { return function.name.name.empty() ? function.span : function.name.span; }

/// The variables of the formals' types, each bound to what `extent` gives for (formal, axis); then the types.
std::optional<std::vector<Type>>
Elaborator::formal_types(const FunctionValue &function, Scope &scope,
                         const std::function<std::optional<Dim>(const Formal &, size_t axis, const std::string &name)> &extent,
                         const Context &context) {
  const std::vector<Formal> &formals = function.declaration->formals;
  Context inside = context;
  inside.scope = &scope;
  for (const Formal &formal : formals)
    for (size_t k = 0; formal.type && k <= formal.type->dims.size(); ++k) {
      const Expr *expr = k < formal.type->dims.size() ? formal.type->dims[k].get() : formal.type->argument.get();
      const auto *name = expr ? std::get_if<NameExpr>(&expr->form) : nullptr;
      if (!name || scope.locals.contains(name->name) || !is_dimension_variable(name->name, function, inside)) continue;
      if (const auto dim = extent(formal, k, name->name))
        scope.locals[name->name] = {{NumberValue{Number(dim->value), dim->name}}, expr->span};
    }
  std::vector<Type> types;
  auto is_variable = [&](const std::string &name) { return is_dimension_variable(name, function, inside); };
  for (const Formal &formal : formals) {
    bool ok = true;
    for (size_t k = 0; formal.type && k < formal.type->dims.size(); ++k)
      if (has_unbound(*formal.type->dims[k], is_variable, scope, inside)) return std::nullopt;
    types.push_back(formal.type ? evaluate_type(*formal.type, inside, &ok) : Type{});
    if (!ok) return std::nullopt;
  }
  return types;
}

std::optional<FunctionValue> Elaborator::callable(const FileScope &file, const std::string &name, const Context &context) {
  const FileScope *where = nullptr;
  const auto declared = find_declaration(file, name, &where);
  if (const auto *function = declared ? std::get_if<const Function *>(&*declared) : nullptr)
    return FunctionValue{*function, where, {}};
  const auto *model = declared ? std::get_if<const Model *>(&*declared) : nullptr;
  if (!model) {
    Diagnostic &diagnostic = diagnostics_.report(K::no_such_function, Span{file.file.number, 0, 0}, name);
    if (const std::string near = nearest_name(name, names_in_reach(context)); !near.empty())
      diagnostic.note(fmt::format("did you mean `{}`?", near));
    return std::nullopt;
  }
  const Value instance = make_instance({*model, where}, {}, "", (*model)->name.span, context);
  const auto *made = instance.get<InstanceValue>();
  if (!made) return std::nullopt;
  const auto unnamed = made->instance->functions.find("");
  if (unnamed != made->instance->functions.end()) return FunctionValue{unnamed->second, where, *made};
  report(K::no_unnamed_function, (*model)->name.span, context, name, name);
  return std::nullopt;
}

std::optional<Elaborator::EvalFunction> Elaborator::elaborate_function(const FileScope &file, const std::string &name,
                                                                       const std::vector<NamedType> &given) {
  Root root;
  Frame frame(root, name);
  Scope scope(&file);
  Activation activation;
  const Context context{&frame, &scope, &activation, {}, nullptr};
  const auto function = callable(file, name, context);
  if (!function) return std::nullopt;
  const std::vector<Formal> &formals = function->declaration->formals;
  const Span span = name_span(*function->declaration);
  auto find = [&](const std::string &formal) {
    const auto found = std::find_if(given.begin(), given.end(), [&](const NamedType &type) { return type.name == formal; });
    return found == given.end() ? nullptr : &*found;
  };
  for (const NamedType &type : given) {
    if (std::any_of(formals.begin(), formals.end(), [&](const Formal &formal) { return formal.name.name == type.name; }))
      continue;
    const auto tensor =
        std::find_if(tensors.begin(), tensors.end(), [&](const TensorInfo &info) { return info.path == type.name; });
    if (tensor == tensors.end()) {
      report(K::unknown_argument, span, context, name, type.name);
      return std::nullopt;
    }
    Type have{tensor->type.element, {}};
    for (int64_t extent : type.dims) have.dims.push_back({extent, nullptr});
    if (ir_type(have) == ir_type(tensor->type)) continue;
    report(K::type_mismatch, sources_.span(tensor->place), context, fmt::format("`{}`", type.name), to_string(tensor->type),
           to_string(have));
    return std::nullopt;
  }

  Scope types_scope(function->scope, function->self);
  const auto types = formal_types(
      *function, types_scope,
      [&](const Formal &formal, size_t axis, const std::string &) -> std::optional<Dim> {
        const NamedType *type = find(formal.name.name);
        const size_t rank = formal.type->dims.size();
        if (!type || axis >= rank || type->dims.size() < rank) return std::nullopt;
        return Dim{type->dims[type->dims.size() - rank + axis], nullptr};
      },
      context);
  if (!types) return std::nullopt;
  size_t most_extra = 0;
  for (size_t i = 0; i < formals.size(); ++i)
    if (const NamedType *type = find(formals[i].name.name))
      most_extra = std::max(most_extra, type->dims.size() - std::min(type->dims.size(), (*types)[i].dims.size()));

  // Arguments without the outermost extra axis, which is that of the mini-batch; the call lifts the others.
  EvalFunction result;
  std::vector<EvaluatedArgument> arguments;
  std::vector<bool> in_batch;
  int64_t examples = 0;
  for (size_t i = 0; i < formals.size(); ++i) {
    const NamedType *type = find(formals[i].name.name);
    if (!type) continue;
    Type full{(*types)[i].element, {}};
    for (int64_t extent : type->dims) full.dims.push_back({extent, nullptr});
    const bool batch = most_extra > 0 && full.dims.size() == (*types)[i].dims.size() + most_extra;
    if (batch && examples != 0 && examples != full.dims[0].value) {
      report(K::extra_axes_differ, span, context, name, formals[i].name.name, full.dims[0].value, "another argument", examples);
      return std::nullopt;
    }
    if (batch) examples = full.dims[0].value;
    Type one = full;
    if (batch) one.dims.erase(one.dims.begin());
    const int slot = static_cast<int>(result.arguments.size());
    const ir::NodeId node =
        frame.builder().input({ir::InputKind::argument, slot, formals[i].name.name, ir::no_node}, ir_type(one));
    if (batch) frame.give_each_example(node);
    arguments.push_back({formals[i].name.name, {TensorValue{&frame, node, one}}, formals[i].name.span});
    result.arguments.push_back(formals[i].name.name);
    result.argument_types.push_back(full);
    in_batch.push_back(batch);
  }
  const Value value = call_function(*function, std::move(arguments), span, context, name);
  if (value.poison()) return std::nullopt;
  int slot = 0;
  bool ok = true;
  for_each_leaf(value, [&](const Value &leaf) {
    const auto tensor = as_tensor(leaf, span, context);
    ok = ok && tensor.has_value();
    if (tensor) frame.builder().output({ir::OutputKind::result, slot++, "", tensor->node});
  });
  if (!ok) return std::nullopt;
  std::vector<bool> lifted;
  for (const ir::Input &input : frame.function().inputs)
    lifted.push_back(input.kind == ir::InputKind::argument && in_batch[input.slot]);
  result.function = over_examples(frame.function(), lifted, examples);
  return result;
}

bool Elaborator::holds_for_all_extents(K kind) {
  switch (kind) {
  case K::not_whole:
  case K::number_too_small:
  case K::type_mismatch:
  case K::shapes_differ:
  case K::argument_type:
  case K::extra_axes_differ:
  case K::cannot_reshape:
  case K::cannot_split:
  case K::dimension_not_positive:
  case K::literal_not_index:
  case K::out_of_bounds:
  case K::slice_out_of_bounds:
  case K::index_too_large:
  case K::index_disagrees:
  case K::sum_out_of_bounds:
  case K::no_room_for_index:
  case K::empty_range:
  case K::empty_loop:
  case K::limit_exceeded:
  case K::tensor_too_large: return false;
  default: return true;
  }
}

void Elaborator::check_function(const FunctionValue &function) {
  const Function &declaration = *function.declaration;
  if (std::any_of(called_.begin(), called_.end(), [&](const auto &call) { return call.first == &declaration; })) return;
  for (const Formal &formal : declaration.formals)
    if ((!formal.type && !formal.default_value) || (formal.type && !formal.type->items.empty()))
      return check_unused(declaration, *function.scope);
  // Each dimension variable is a prime of its own, under its own name. What holds only for some extents (divisions, bounds, splits) is not judged then.
  static constexpr int64_t primes[] = {101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179};
  size_t variables = 0;
  Root root;
  Frame frame(root, declaration.name.name);
  Scope scope(function.scope, function.self);
  Activation activation;
  const Context context{&frame, &scope, &activation, {}, nullptr};
  const auto types = formal_types(
      function, scope,
      [&](const Formal &, size_t, const std::string &name) {
        speculative_ = true;
        return std::optional(Dim{primes[variables++ % std::size(primes)], dim_name(name)});
      },
      context);
  if (types) {
    std::vector<EvaluatedArgument> arguments;
    for (size_t i = 0; i < declaration.formals.size(); ++i) {
      const Formal &formal = declaration.formals[i];
      if (!formal.type) continue;
      const ir::NodeId node = frame.builder().input({ir::InputKind::argument, static_cast<int>(i), formal.name.name, ir::no_node},
                                                    ir_type((*types)[i]));
      arguments.push_back({formal.name.name, {TensorValue{&frame, node, (*types)[i]}}, formal.name.span});
    }
    call_function(function, std::move(arguments), name_span(declaration), context, declaration.name.name);
  }
  speculative_ = false;
}

void Elaborator::finish(const FileScope &file) {
  Scope scope(&file);
  Activation activation;
  const Context context{constant_frame_.get(), &scope, &activation, {}, nullptr};
  for (const Item &item : file.file.items) {
    if (const auto *let = std::get_if<Let>(&item.form)) let_value(*let, file, let->name.span, context);
    if (const auto *data = std::get_if<Data>(&item.form); data && !read_blocks.contains(data)) {
      Root root;
      Frame frame(root, "data");
      read_data(*this, *data, file, frame);
    }
    const auto *model = std::get_if<Model>(&item.form);
    if (!model ||
        std::any_of(instances_.begin(), instances_.end(), [&](const auto &instance) { return instance->model == model; }))
      continue;
    if (std::all_of(model->formals.begin(), model->formals.end(),
                    [](const Formal &formal) { return formal.default_value != nullptr; }))
      make_instance({model, &file}, {}, model->name.name, model->name.span, context);
    else
      check_unused(*model, file);
  }
  initial_values();
  // Users before what they use, so that most is elaborated as it is called: instances are listed behind their parts, and functions follow those that they call.
  for (size_t i = instances_.size(); i-- > 0;) {
    const std::shared_ptr<Instance> instance = instances_[i];
    if (instance->scope != &file) continue;
    for (const auto &[name, function] : instance->functions) check_function({function, instance->scope, {instance, nullptr}});
  }
  for (size_t i = file.file.items.size(); i-- > 0;)
    if (const auto *function = std::get_if<Function>(&file.file.items[i].form); function && !function->is_adjoint)
      check_function({function, &file, {}});
  for (const auto &[name, value] : options_.defines)
    if (!defines_used_.contains(name)) {
      std::vector<std::string> lets;
      for (const auto &[declared, declaration] : file.names)
        if (std::holds_alternative<const Let *>(declaration)) lets.push_back(declared);
      Diagnostic &diagnostic = diagnostics_.report(K::unknown_define, Span{file.file.number, 0, 0}, name);
      if (const std::string near = nearest_name(name, lets); !near.empty())
        diagnostic.note(fmt::format("did you mean `{}`?", near));
    }
  if (diagnostics_.error_count() > 0) return; // what has failed uses nothing
  for (const auto &[key, binding] : bindings_)
    if (!binding.used)
      diagnostics_.report(K::unused_name, binding.span, binding.name)
          .note("a name that starts a line binds a value; remove it, or use it");
}

} // namespace nnc::frontend
