// Instances of models: their parameters, states, sub-instances and compile-time values.

#include "frontend/elaborator.h"
#include "frontend/leaves.h"
#include "frontend/sizes.h"
#include "ir/limits.h"
#include "passes/examples.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;

namespace {

/// Whether both are of one model with the same arguments. Of functions and models it is not told which; lists count as different.
bool same_model(const Instance &a, const Instance &b) {
  const auto same = [](const auto &left, const auto &right) {
    const Value &x = left.second, &y = right.second;
    if (const auto *number = x.template get<NumberValue>(); number && y.is<NumberValue>())
      return number->number.text() == y.get<NumberValue>()->number.text();
    if (const auto *truth = x.template get<bool>(); truth && y.is<bool>()) return *truth == *y.get<bool>();
    if (const auto *text = x.template get<std::string>(); text && y.is<std::string>()) return *text == *y.get<std::string>();
    return x.form.index() == y.form.index() && !x.is<ListValue>() && !x.is<TupleValue>();
  };
  return a.model == b.model && std::equal(a.arguments.begin(), a.arguments.end(), b.arguments.begin(), b.arguments.end(), same);
}

std::string joined(const std::string &path, const std::string &name) { return path.empty() ? name : path + "." + name; }

/// What these members would be is not known, and silent.
void forget_members(const std::vector<Member> &members, Instance &instance) {
  for (const Member &member : members)
    std::visit(
        [&](const auto &form) {
          if constexpr (std::is_same_v<std::decay_t<decltype(form)>, MemberIf>) {
            forget_members(form.then_members, instance);
            forget_members(form.else_members, instance);
          } else if constexpr (!std::is_same_v<std::decay_t<decltype(form)>, Function>) {
            if (instance.members.emplace(form.name.name, Value{}).second) instance.order.push_back(form.name.name);
          }
        },
        member.form);
}

} // namespace

Value Elaborator::make_instance(const ModelValue &model, std::vector<EvaluatedArgument> arguments, const std::string &path,
                                Span call, const Context &context) {
  const Model &declaration = *model.declaration;
  auto instance = std::make_shared<Instance>();
  instance->model = &declaration;
  instance->scope = model.scope;
  instance->path = path;
  instance->made = call;
  Scope scope(model.scope, {instance, nullptr});
  Activation activation{hash_path(context.activation->path, path, 0), 0, 0};
  ++depth_;
  const bool deep = !enter(call, context);
  const size_t given = arguments.size();
  auto matched = deep ? std::nullopt
                      : match_arguments(declaration.formals, std::move(arguments), declaration.name.name, call,
                                        declaration.name.span, scope, context);
  bool ok = matched.has_value();
  if (ok) {
    for (size_t i = 0; i < matched->size(); ++i) {
      instance->arguments[declaration.formals[i].name.name] = (*matched)[i].value;
      if (i < given) instance->description += (i > 0 ? ", " : "") + short_text((*matched)[i].value);
    }
    instance->description = fmt::format("{}({})", declaration.name.name, instance->description);
    if (const auto around =
            std::find_if(making_.begin(), making_.end(), [&](const Instance *other) { return same_model(*other, *instance); });
        around != making_.end()) {
      report(K::model_of_itself, call, context, instance->description)
          .note("a model can be a part of itself only with other arguments, as `depth - 1`, and an `if` that ends it");
      ok = false;
    }
  }
  if (ok) {
    making_.push_back(instance.get());
    scope.locals.clear(); // found as the instance's arguments, which members of the same name hide
    const Context inside{constant_frame_.get(), &scope, &activation,
                         call == declaration.name.span ? context.caller : sources_.place(call, context.caller), nullptr};
    ok = make_members(declaration.members, instance, inside);
    for (const auto &[name, adjoint] : instance->adjoints)
      if (!instance->functions.contains(name)) {
        report(K::adjoint_without_function, adjoint->name.span, inside, name);
        ok = false;
      }
    making_.pop_back();
    instances_.push_back(instance);
  }
  --depth_;
  return ok ? Value{InstanceValue{instance, nullptr}} : Value{};
}

bool Elaborator::make_members(const std::vector<Member> &members, const std::shared_ptr<Instance> &instance,
                              const Context &context) {
  bool ok = true;
  auto add = [&](const Identifier &name, Value value) {
    if (instance->members.contains(name.name) || instance->functions.contains(name.name)) {
      report(K::declared_twice, name.span, context, name.name);
      ok = false;
    } else {
      ok = ok && !value.poison();
      instance->members[name.name] = std::move(value);
      instance->order.push_back(name.name);
    }
  };
  for (const Member &member : members) {
    if (const auto *param = std::get_if<Param>(&member.form)) {
      add(param->name, add_tensor(instance, param->name, &param->type, param, nullptr, context));
    } else if (const auto *state = std::get_if<State>(&member.form)) {
      add(state->name, add_tensor(instance, state->name, state->type ? &*state->type : nullptr, nullptr, state, context));
    } else if (const auto *adjoint = std::get_if<Function>(&member.form); adjoint && adjoint->is_adjoint) {
      if (!instance->adjoints.emplace(adjoint->name.name, adjoint).second) {
        report(K::declared_twice, adjoint->name.span, context, "adjoint " + adjoint->name.name);
        ok = false;
      }
    } else if (const auto *function = std::get_if<Function>(&member.form)) {
      if (instance->members.contains(function->name.name) || !instance->functions.emplace(function->name.name, function).second) {
        report(K::declared_twice, function->name.span, context, function->name.name);
        ok = false;
      }
    } else if (const auto *choice = std::get_if<MemberIf>(&member.form)) {
      const Value condition = evaluate(*choice->condition, context);
      const bool *known = condition.get<bool>();
      if (!known && !condition.poison()) report(K::condition_not_known, choice->condition->span, context, describe(condition));
      if (!known)
        for (const auto *branch : {&choice->then_members, &choice->else_members}) forget_members(*branch, *instance);
      if (known) ok = make_members(*known ? choice->then_members : choice->else_members, instance, context) && ok;
      ok = ok && known;
    } else if (const auto *bind = std::get_if<MemberBind>(&member.form)) {
      const std::string path = joined(instance->path, bind->name.name);
      Context inside = context;
      inside.instance_path = &path;
      Value value = evaluate(*bind->value, inside);
      if (holds_tensor(value)) {
        report(K::tensor_member, bind->value->span, context, bind->name.name, describe(value))
            .note("`param` and `state` declare tensors of a model");
        value = {};
      }
      add(bind->name, std::move(value));
    }
  }
  return ok;
}

Value Elaborator::add_tensor(const std::shared_ptr<Instance> &instance, const Identifier &name, const TypeExpr *declared,
                             const Param *param, const State *state, const Context &context) {
  bool ok = true;
  const Type type = declared ? evaluate_type(*declared, context, &ok) : Type{};
  if (ok && param && type.element.kind != ElementKind::real) {
    report(K::parameter_not_real, declared->span, context, name.name, to_string(type))
        .note("`state` keeps other values from step to step");
    ok = false;
  }
  if (ok && elements_of(ir_type(type)) > ir::most_in_memory) {
    report(K::tensor_too_large, declared->span, context, to_string(type), ir::most_in_memory);
    ok = false;
  }
  if (!ok) return {};
  TensorInfo info;
  info.path = joined(instance->path, name.name);
  info.kind = param ? TensorKind::parameter : TensorKind::state;
  info.type = type;
  info.place = sources_.place(name.span, context.caller);
  info.param = param;
  info.state = state;
  info.owner = instance;
  tensors.push_back(std::move(info));
  return {SlotValue{static_cast<int>(tensors.size()) - 1}};
}

TensorValue Elaborator::read_slot(int slot, const Context &context, const InstanceValue *of) {
  if (of && of->values)
    if (auto found = of->values->find(slot); found != of->values->end()) return here(found->second, context);
  const auto &states = context.frame->root().states;
  if (auto found = states.find(slot); found != states.end()) return here(found->second, context);
  const TensorInfo &info = tensors[slot];
  return make(context.frame->leaf(ir::InputKind::tensor, slot, info.path, ir_type(info.type)), info.type, context);
}

Value Elaborator::resolve_slots(const Value &value, const InstanceValue &of, const Context &context) {
  return map_leaves(value, [&](const Value &leaf) -> Value {
    if (const auto *slot = leaf.get<SlotValue>()) return {read_slot(slot->slot, context, &of)};
    if (const auto *instance = leaf.get<InstanceValue>(); instance && of.values)
      return {InstanceValue{instance->instance, of.values}};
    return leaf;
  });
}

std::optional<Value> Elaborator::instance_member(const InstanceValue &of, const std::string &name, const Context &context) {
  const Instance &instance = *of.instance;
  if (auto found = instance.members.find(name); found != instance.members.end()) return resolve_slots(found->second, of, context);
  if (auto found = instance.arguments.find(name); found != instance.arguments.end()) return found->second;
  if (auto found = instance.functions.find(name); !name.empty() && found != instance.functions.end())
    return Value{FunctionValue{found->second, instance.scope, of}};
  return std::nullopt;
}

Value Elaborator::member(const Value &base, const Identifier &name, const Context &context) {
  std::vector<std::string> known;
  if (const auto *instance = base.get<InstanceValue>()) {
    if (std::optional<Value> found = instance_member(*instance, name.name, context)) return *found;
    known = instance->instance->order;
    for (const auto &[function, declaration] : instance->instance->functions)
      if (!function.empty()) known.push_back(function);
  } else if (const auto *record = base.get<RecordValue>()) {
    if (auto found = record->fields->find(name.name); found != record->fields->end()) return found->second;
    for (const auto &[field, value] : *record->fields) known.push_back(field);
  } else if (const auto *source = base.get<SourceValue>()) {
    if (std::optional<Value> found = source_member(*source, name, context)) return *found;
    known = {"size", "names", "length"};
  } else if (const auto *items = base.get<ListValue>()) {
    if (name.name == "size") return {NumberValue{Number(static_cast<int64_t>(items->items->size()))}};
    known = {"size"};
  }
  Diagnostic &diagnostic = report(K::unknown_member, name.span, context, describe(base), name.name);
  if (const std::string near = nearest_name(name.name, known); !near.empty())
    diagnostic.note(fmt::format("did you mean `{}`?", near));
  return {};
}

std::vector<int> Elaborator::slots(const Instance &instance) const {
  std::vector<int> found;
  std::function<void(const Value &)> visit = [&](const Value &leaf) {
    if (const auto *slot = leaf.get<SlotValue>()) found.push_back(slot->slot);
    if (const auto *part = leaf.get<InstanceValue>())
      for (int slot : slots(*part->instance)) found.push_back(slot);
  };
  for (const std::string &name : instance.order) for_each_leaf(instance.members.at(name), visit);
  std::vector<int> once; // shared parts count once
  for (int slot : found)
    if (std::find(once.begin(), once.end(), slot) == once.end()) once.push_back(slot);
  return once;
}

std::optional<TensorValue> Elaborator::initial_value(int slot, const Context &context) {
  const TensorInfo info = tensors[slot];
  Scope scope(info.owner->scope, {info.owner, nullptr});
  Activation activation{hash_path(0, info.path, 0), 0, 0};
  const Context inside{context.frame, &scope, &activation, sources_.caller(info.place), nullptr};
  const std::string what = fmt::format("the initial value of `{}`", info.path);
  if (info.param && info.param->initializer) {
    const Identifier &name = *info.param->initializer;
    const FileScope *where = nullptr;
    const auto found = find_declaration(*info.owner->scope, "initial_" + name.name, &where);
    const auto *function = found ? std::get_if<const Function *>(&*found) : nullptr;
    if (!function) {
      std::vector<std::string> known;
      const std::string prefix = "initial_";
      for (const std::string &candidate : names_in_reach(inside))
        if (candidate.starts_with(prefix)) known.push_back(candidate.substr(prefix.size()));
      Diagnostic &diagnostic = report(K::unknown_initializer, name.span, inside, name.name);
      if (const std::string near = nearest_name(name.name, known); !near.empty())
        diagnostic.note(fmt::format("did you mean `{}`?", near));
      return std::nullopt;
    }
    std::vector<Value> shape;
    for (const Dim &dim : info.type.dims) shape.push_back({NumberValue{Number(dim.value), dim.name}});
    std::vector<EvaluatedArgument> arguments = {{"", list(std::move(shape)), name.span}};
    for (EvaluatedArgument &argument : evaluate_arguments(info.param->initializer_arguments, inside))
      arguments.push_back(std::move(argument));
    return convert_to(call({FunctionValue{*function, where, {}}}, std::move(arguments), name.span, inside, name.name), info.type,
                      what, name.span, inside);
  }
  const Expr &expr = info.param ? *info.param->value : *info.state->value;
  Value value = evaluate(expr, inside);
  place(expr.span, inside);
  if (const auto tensor = to_tensor(value, expr.span, inside, info.type.element.kind); tensor && tensor->type.dims.empty())
    value = {*broadcast_to(*tensor, info.type.dims, inside)};
  return convert_to(value, info.type, what, expr.span, inside);
}

std::vector<ir::Function> Elaborator::initial_values() {
  std::vector<ir::Function> functions;
  for (size_t slot = 0; slot < tensors.size(); ++slot) {
    Root root;
    Frame frame(root, tensors[slot].path);
    const ir::Type scalar{ir::Elem::i32, {}};
    frame.set_leaf(ir::InputKind::row, 0, frame.builder().constant(scalar, 0.0));
    frame.set_leaf(ir::InputKind::step, 0, frame.builder().constant(scalar, 0.0));
    frame.set_leaf(ir::InputKind::examples, 0, frame.builder().constant(scalar, 1.0));
    Scope scope(tensors[slot].owner->scope);
    Activation activation;
    const auto value = initial_value(static_cast<int>(slot), {&frame, &scope, &activation, {}, nullptr});
    if (value) frame.builder().output({ir::OutputKind::result, 0, tensors[slot].path, value->node});
    functions.push_back(passes::alone(frame.function()));
  }
  return functions;
}

} // namespace nnc::frontend
