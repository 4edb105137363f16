// What a name means: locals, members of the instance, the file, direct imports, the prelude, builtins.

#include "frontend/builtin.h"
#include "frontend/elaborator.h"

#include <limits>
#include <numbers>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;

/// What the words that stand for numbers of the step are.
struct StepName {
  const char *name;
  ir::InputKind kind;
};
constexpr StepName step_names[] = {
    {"step", ir::InputKind::step}, {"steps", ir::InputKind::total_steps}, {"epoch", ir::InputKind::epoch}};

const char *kind_of(const Declaration &declaration) {
  constexpr const char *kinds[] = {"a `let`", "a function", "a model", "a `data` block", "an optimizer", "a `train` block"};
  return kinds[declaration.index()];
}

} // namespace

Value Elaborator::name_value(const std::string &name, Span span, const Context &context) {
  if (Local *local = context.scope->find(name)) {
    if (auto binding = bindings_.find({local->span.file, local->span.begin}); binding != bindings_.end())
      binding->second.used = true;
    return local->value;
  }
  if (context.scope->self.instance) {
    if (name == "self") return {context.scope->self};
    if (std::optional<Value> found = instance_member(context.scope->self, name, context)) return *found;
  }
  const FileScope *where = nullptr;
  if (const std::optional<Declaration> found = find_declaration(*context.scope->file, name, &where)) {
    if (const auto *let = std::get_if<const Let *>(&*found)) {
      Value value = let_value(**let, *where, span, context);
      if (auto *source = std::get_if<SourceValue>(&value.form)) source->example = reading_data;
      return value;
    }
    if (const auto *function = std::get_if<const Function *>(&*found)) return {FunctionValue{*function, where, {}}};
    if (const auto *model = std::get_if<const Model *>(&*found)) return {ModelValue{*model, where}};
    report(K::not_a_value, span, context, name, kind_of(*found));
    return {};
  }
  if (const Builtin *builtin = find_builtin(name)) return {BuiltinValue{builtin}};
  if (std::optional<Value> special = special_name(name, context)) return *special;
  Diagnostic &diagnostic = report(K::unknown_name, span, context, name);
  if (const std::string near = nearest_name(name, names_in_reach(context)); !near.empty())
    diagnostic.note(fmt::format("did you mean `{}`?", near));
  return {};
}

std::optional<Value> Elaborator::special_name(const std::string &name, const Context &context) {
  if (name == "training") return Value{context.frame->root().training};
  if (name == "pi") return Value{NumberValue{Number::real(std::numbers::pi)}};
  if (name == "inf") return Value{NumberValue{Number::real(std::numeric_limits<double>::infinity())}};
  if (name == "here") { // the row of 0, 1, … that is this example's
    ir::Builder &builder = context.frame->builder();
    const ir::NodeId node = builder.unary(ir::Op::batch_take, builder.iota({extent_of(batch_dim)}, 0));
    return Value{TensorValue{context.frame, node, {{ElementKind::index, batch_dim, {}}, {}}}};
  }
  for (const StepName &word : step_names) {
    if (name != word.name) continue;
    const Type type{{ElementKind::i32, {}, {}}, {}};
    return Value{TensorValue{context.frame, context.frame->leaf(word.kind, 0, name, ir_type(type)), type}};
  }
  return std::nullopt;
}

std::vector<std::string> Elaborator::names_in_reach(const Context &context) const {
  std::vector<std::string> names = builtin_names();
  for (const BuiltinWord &word : builtin_words()) names.push_back(word.name);
  for (const Scope *scope = context.scope; scope; scope = scope->parent)
    for (const auto &[name, local] : scope->locals) names.push_back(name);
  if (const Instance *self = context.scope->self.instance.get()) {
    for (const auto &[name, value] : self->members) names.push_back(name);
    for (const auto &[name, value] : self->arguments) names.push_back(name);
    for (const auto &[name, function] : self->functions) names.push_back(name);
  }
  auto add = [&](const FileScope &scope) {
    for (const auto &[name, declaration] : scope.names) names.push_back(name);
  };
  add(*context.scope->file);
  for (const FileScope *import : context.scope->file->imports) add(*import);
  if (context.scope->file->prelude) add(*context.scope->file->prelude);
  return names;
}

} // namespace nnc::frontend
