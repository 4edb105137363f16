// What a name means: locals, members of the instance, the file, direct imports, the prelude, builtins.

#include "frontend/builtin.h"
#include "frontend/elaborator.h"

#include <algorithm>
#include <iterator>
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

/// Words of other languages, and what says the same here.
struct ForeignWord {
  const char *word, *here;
};
constexpr ForeignWord foreign_words[] = {
    {"True", "it is `true`"},
    {"False", "it is `false`"},
    {"len", "a list has `.size`; a tensor's extents are in its type, where a name such as `n` in `x: real[n]` is a number"},
    {"clamp", "`max(low, min(high, x))`"},
    {"clip", "`max(low, min(high, x))`"},
    {"pow", "a power is `a ^ b`"},
    {"dot", "a product is `a @ b`"},
    {"matmul", "a product is `a @ b`"},
    {"einsum", "write it with indices, as in `y[i] = sum[j] w[i, j] * x[j]`"},
    {"norm", "`sqrt(x @ x)`"},
    {"var", "`mean((x - mean(x))^2)`"},
    {"std", "`sqrt(mean((x - mean(x))^2))`"},
    {"cumsum", "a loop collects it: `for v in x { total = total + v; yield total }`"},
    {"all", "`sum(c) == n` of conditions `c: bool[n]`"},
    {"any", "`sum(c) > 0` of conditions `c: bool[n]`"},
    {"argsort", "it is `order(x)`"},
};

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
    Diagnostic &diagnostic = report(K::not_a_value, span, context, name, kind_of(*found));
    if (std::holds_alternative<const Data *>(*found))
      diagnostic.note(fmt::format(
          "the clause `data {0}` brings its fields into scope by their names; `data {0} as {0}` as `{0}.field`", name));
    return {};
  }
  if (const Builtin *builtin = find_builtin(name)) return {BuiltinValue{builtin}};
  if (std::optional<Value> special = special_name(name, context)) return *special;
  Diagnostic &diagnostic = report(K::unknown_name, span, context, name);
  const auto foreign = std::find_if(std::begin(foreign_words), std::end(foreign_words),
                                    [&](const ForeignWord &entry) { return name == entry.word; });
  if (foreign != std::end(foreign_words))
    diagnostic.note(foreign->here);
  else if (const std::string near = nearest_name(name, names_in_reach(context)); !near.empty())
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
