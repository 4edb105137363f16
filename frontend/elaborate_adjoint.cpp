// Values with an adjoint of their own: of a function for which `adjoint NAME(…)` is declared, and `checkpoint(e)`, whose adjoint computes e again.

#include "frontend/builtin.h"
#include "frontend/leaves.h"
#include "ir/functions.h"
#include "passes/differentiate.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;
using ir::NodeId;

namespace {

NodeId argument(ir::Builder &builder, const ir::Type &type) {
  const int number = static_cast<int>(builder.function().inputs.size());
  return builder.input({ir::InputKind::argument, number, "", ir::no_node}, type);
}

/// The tensors that are leaves of the value.
std::vector<TensorValue> tensors_of(const Value &value) {
  std::vector<TensorValue> found;
  for_each_leaf(value, [&](const Value &leaf) {
    if (const auto *tensor = leaf.get<TensorValue>()) found.push_back(*tensor);
  });
  return found;
}

bool is_real(const TensorValue &value) { return value.type.element.kind == ElementKind::real; }

} // namespace

/// `results` (real, of the context's frame), with `adjoint` for their derivative with respect to `others`: values as before.
std::vector<TensorValue> Elaborator::with_adjoint(const std::vector<TensorValue> &results, const std::vector<NodeId> &others,
                                                  ir::Function adjoint, bool is_declared, const Context &context) {
  ir::Builder &builder = context.frame->builder();
  std::vector<NodeId> operands;
  for (const TensorValue &result : results) operands.push_back(context.frame->use(result));
  operands.insert(operands.end(), others.begin(), others.end());
  const NodeId node = builder.add_node(ir::Op::custom, std::move(operands),
                                       ir::CustomAttributes{static_cast<int64_t>(results.size()), is_declared,
                                                            std::make_shared<const ir::Function>(std::move(adjoint))});
  std::vector<TensorValue> made;
  for (const TensorValue &result : results)
    made.push_back(make(builder.add_node(ir::Op::part, {node}, ir::PartAttributes{static_cast<int64_t>(made.size())}),
                        result.type, context));
  return made;
}

const Function *Elaborator::adjoint_of(const FunctionValue &function) const {
  const std::string &name = function.declaration->name.name;
  if (function.declaration->is_adjoint || name.empty()) return nullptr;
  const auto &declared = function.self.instance ? function.self.instance->adjoints : function.scope->adjoints;
  const auto found = declared.find(name);
  return found == declared.end() ? nullptr : found->second;
}

Value Elaborator::declared_adjoint(const FunctionValue &function, const Function &adjoint, const Value &result,
                                   const std::vector<Value> &arguments, Span span, const Context &context) {
  const std::string &name = function.declaration->name.name;
  const std::vector<TensorValue> results = tensors_of(result);
  if (results.empty() || !std::all_of(results.begin(), results.end(), is_real)) {
    report(K::adjoint_of, adjoint.name.span, context, name, describe(result));
    return {};
  }
  if (adjoint.formals.size() != function.declaration->formals.size() + 1) {
    report(K::adjoint_formals, adjoint.name.span, context, name, function.declaration->formals.size() + 1, adjoint.formals.size())
        .note(name_span(*function.declaration), fmt::format("`{}` is declared here", name));
    return {};
  }

  // The adjoint's own call, in a frame whose inputs are the arguments and the gradients of the results.
  Frame inner(*context.frame);
  std::vector<NodeId> given, inside; // the arguments around, and as inputs
  std::vector<Type> wanted;          // of the gradients that it gives: a real argument's
  std::vector<size_t> number;        // of those arguments
  auto input = [&](const TensorValue &value) {
    return TensorValue{&inner, inner.add_argument("", ir_type(value.type), context.frame->use(value)), value.type};
  };
  std::vector<EvaluatedArgument> call_arguments;
  for (const Value &value : arguments)
    call_arguments.push_back({"",
                              map_leaves(value,
                                         [&](const Value &leaf) -> Value {
                                           const auto *tensor = leaf.get<TensorValue>();
                                           if (!tensor) return leaf;
                                           const TensorValue here = input(*tensor);
                                           if (is_real(here)) wanted.push_back(here.type), number.push_back(given.size());
                                           given.push_back(context.frame->use(*tensor)), inside.push_back(here.node);
                                           return {here};
                                         }),
                              span});
  std::vector<NodeId> gradients;
  call_arguments.push_back({"",
                            map_leaves(result,
                                       [&](const Value &leaf) -> Value {
                                         const TensorValue here = input(*leaf.get<TensorValue>());
                                         gradients.push_back(here.node);
                                         return {here};
                                       }),
                            span});
  Context within = context;
  within.frame = &inner;
  within.instance_path = nullptr;
  const Value made =
      call_function({&adjoint, function.scope, function.self}, std::move(call_arguments), adjoint.name.span, within, name);
  if (made.poison()) return {};
  std::vector<Value> parts;
  for_each_leaf(made, [&](const Value &leaf) { parts.push_back(leaf); });
  if (parts.size() != wanted.size()) {
    report(K::adjoint_results, adjoint.name.span, context, name, wanted.size(), parts.size())
        .note("it gives one gradient for each real argument, in their order");
    return {};
  }
  std::vector<ir::Output> outputs;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto gradient =
        convert_to(parts[i], wanted[i], fmt::format("gradient {} of `adjoint {}`", i + 1, name), adjoint.name.span, within);
    if (!gradient) return {};
    outputs.push_back({ir::OutputKind::result, static_cast<int>(number[i]), "", inner.use(*gradient)});
  }

  // Its inputs in the order of the operation's operands: the arguments, what it takes of the frames around, the gradients.
  std::vector<NodeId> order = inside, others = given;
  for (const ir::Input &captured : inner.function().inputs)
    if (const auto around = inner.outer_node(captured.node)) order.push_back(captured.node), others.push_back(*around);
  order.insert(order.end(), gradients.begin(), gradients.end());
  ir::Function graph = inner.function(), function_made;
  graph.outputs = outputs;
  function_made.name = name;
  ir::Builder builder(function_made);
  std::map<NodeId, NodeId> map;
  for (NodeId node : order) map[node] = argument(builder, graph.type(node));
  std::vector<NodeId> values;
  for (const ir::Input &of : graph.inputs) values.push_back(map.at(of.node));
  const std::vector<NodeId> nodes = ir::inline_function(builder, graph, values);
  for (size_t i = 0; i < nodes.size(); ++i) builder.output({ir::OutputKind::result, outputs[i].slot, "", nodes[i]});

  const std::vector<TensorValue> with = with_adjoint(results, others, std::move(function_made), true, context);
  size_t next = 0;
  return map_leaves(result, [&](const Value &) -> Value { return {with[next++]}; });
}

bool Elaborator::is_checkpoint(const Expr &expr, const Context &context) const {
  const auto *call = std::get_if<CallExpr>(&expr.form);
  const auto *pipe = std::get_if<PipeExpr>(&expr.form);
  const Expr *callee = call ? call->callee.get() : pipe ? pipe->stage.callee.get() : nullptr;
  const auto *name = callee ? std::get_if<NameExpr>(&callee->form) : nullptr;
  if (!name || name->name != "checkpoint" || (call && call->arguments.size() != 1) || (pipe && pipe->stage.has_arguments))
    return false;
  const Instance *self = context.scope->self.instance.get();
  const bool is_member = self && (self->members.contains(name->name) || self->functions.contains(name->name));
  return !context.scope->find(name->name) && !is_member && !find_declaration(*context.scope->file, name->name);
}

/// e is elaborated in a frame of its own, whose graph runs once forward and, behind barriers, once more where the gradient is asked for.
Value Elaborator::checkpointed(const Expr &expr, Span span, const Context &context) {
  Frame inner(*context.frame);
  Scope scope(*context.scope, true);
  Context inside = context;
  inside.frame = &inner;
  inside.scope = &scope;
  inside.instance_path = nullptr;
  const Value value = evaluate(expr, inside);
  bool ok = !value.poison();
  std::vector<TensorValue> leaves;
  const Value tensors_only = map_leaves(value, [&](const Value &leaf) -> Value {
    const auto tensor = ok ? as_tensor(leaf, expr.span, inside) : std::nullopt;
    ok = ok && tensor;
    if (!tensor) return {};
    leaves.push_back(*tensor);
    return {*tensor};
  });
  if (!ok) {
    abandon(inner);
    return {};
  }
  std::vector<int> updated;
  for (const auto &[slot, state] : inner.root().states)
    if (state.frame == &inner) updated.push_back(slot);

  ir::Function graph = inner.function();
  for (const TensorValue &leaf : leaves) graph.outputs.push_back({ir::OutputKind::result, 0, "", inner.use(leaf)});
  std::vector<NodeId> around;
  for (const ir::Input &captured : graph.inputs) around.push_back(*inner.outer_node(captured.node));
  place(span, context);
  ir::Function forward = graph;
  for (int slot : updated) forward.outputs.push_back({ir::OutputKind::tensor, slot, "", inner.root().states[slot].node});
  const std::vector<NodeId> nodes = ir::inline_function(context.frame->builder(), forward, around);
  for (size_t i = 0; i < updated.size(); ++i)
    inner.root().states[updated[i]] = make(nodes[leaves.size() + i], tensors[updated[i]].type, context);

  std::vector<TensorValue> results, real;
  for (size_t i = 0; i < leaves.size(); ++i) {
    results.push_back(make(nodes[i], leaves[i].type, context));
    if (is_real(leaves[i])) real.push_back(results.back());
  }
  if (!real.empty() && !around.empty()) {
    ir::Function again;
    again.name = "checkpoint";
    ir::Builder builder(again);
    std::vector<NodeId> arguments, of;
    for (const ir::Input &captured : graph.inputs) of.push_back(argument(builder, graph.type(captured.node)));
    for (NodeId input : of) arguments.push_back(builder.unary(ir::Op::barrier, input));
    const std::vector<NodeId> outputs = ir::inline_function(builder, graph, arguments);
    std::vector<ir::Seed> seeds;
    for (size_t i = 0; i < leaves.size(); ++i)
      if (is_real(leaves[i])) seeds.push_back({outputs[i], argument(builder, builder.type(outputs[i]))});
    const std::vector<NodeId> gradients = passes::differentiate(builder, seeds, of);
    for (size_t i = 0; i < gradients.size(); ++i)
      if (gradients[i] != ir::no_node) builder.output({ir::OutputKind::result, static_cast<int>(i), "", gradients[i]});
    real = with_adjoint(real, around, std::move(again), false, context);
  }
  size_t next = 0, next_real = 0;
  return map_leaves(tensors_only, [&](const Value &) -> Value {
    const TensorValue &result = results[next++];
    return {is_real(result) ? real[next_real++] : result};
  });
}

} // namespace nnc::frontend
