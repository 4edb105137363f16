// The end of a nested frame: its graph is lifted along each extra axis and copied into the frame around.

#include "frontend/elaborator.h"
#include "frontend/leaves.h"
#include "frontend/limits.h"
#include "passes/lift.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;
using ir::NodeId;

void for_each_leaf(const Value &value, const std::function<void(const Value &)> &visit) {
  const std::vector<Value> *items = nullptr;
  if (const auto *tuple = value.get<TupleValue>()) items = tuple->items.get();
  if (const auto *list = value.get<ListValue>()) items = list->items.get();
  if (!items) return visit(value);
  for (const Value &item : *items) for_each_leaf(item, visit);
}

Value map_leaves(const Value &value, const std::function<Value(const Value &)> &change) {
  const auto *items = value.get<TupleValue>();
  const auto *list_items = value.get<ListValue>();
  if (!items && !list_items) return change(value);
  std::vector<Value> changed;
  for (const Value &item : items ? *items->items : *list_items->items) changed.push_back(map_leaves(item, change));
  return items ? tuple(std::move(changed)) : list(std::move(changed));
}

Value map_tensors(const Value &value, const std::function<TensorValue(const TensorValue &)> &change) {
  return map_leaves(value, [&](const Value &leaf) -> Value {
    if (const auto *tensor = leaf.get<TensorValue>()) return {change(*tensor)};
    const auto *instance = leaf.get<InstanceValue>();
    if (!instance || !instance->values) return leaf;
    auto values = std::make_shared<std::map<int, TensorValue>>();
    for (const auto &[slot, tensor] : *instance->values) values->emplace(slot, change(tensor));
    return {InstanceValue{instance->instance, values}};
  });
}

bool holds_tensor(const Value &value) {
  bool found = false;
  for_each_leaf(value, [&](const Value &leaf) {
    found = found || leaf.is<TensorValue>() || (leaf.is<InstanceValue>() && leaf.get<InstanceValue>()->values);
  });
  return found;
}

void Elaborator::abandon(Frame &inner) {
  std::erase_if(inner.root().states, [&](const auto &state) { return state.second.frame == &inner; });
}

Value Elaborator::close_lifted(Frame &inner, const Value &result, const std::vector<Dim> &axes,
                               const std::vector<LiftArgument> &arguments, Span span, const Context &parent) {
  // Outputs: the leaves of the result, then the states that were updated within.
  Scope scope(parent.scope->file);
  Context inside = parent;
  inside.frame = &inner;
  inside.scope = &scope;
  std::vector<TensorValue> leaves;
  bool ok = true;
  const Value tensors_only = map_leaves(result, [&](const Value &leaf) -> Value {
    const auto tensor = as_tensor(leaf, span, inside);
    ok = ok && tensor.has_value();
    if (!tensor) return {};
    leaves.push_back(*tensor);
    return {*tensor};
  });
  std::vector<int> updated;
  for (const auto &[slot, value] : inner.root().states)
    if (value.frame == &inner) updated.push_back(slot);

  ir::Function function = inner.function();
  for (const TensorValue &leaf : leaves) function.outputs.push_back({ir::OutputKind::result, 0, "", leaf.node});
  for (int slot : updated) function.outputs.push_back({ir::OutputKind::tensor, slot, "", inner.root().states[slot].node});

  // Which parent's node each input stands for.
  std::vector<NodeId> outer;
  std::vector<const LiftArgument *> argument_of;
  size_t next = 0;
  for (const ir::Input &input : function.inputs) {
    const std::optional<NodeId> captured = inner.outer_node(input.node);
    argument_of.push_back(captured ? nullptr : &arguments[next++]);
    outer.push_back(captured ? *captured : argument_of.back()->outer);
  }
  ok = ok && lifted_size_ok(function, argument_of, axes, span, parent);

  // From the innermost axis outwards, each new axis in front.
  for (size_t axis = axes.size(); ok && axis-- > 0;) {
    std::vector<bool> marks;
    for (const LiftArgument *argument : argument_of) marks.push_back(argument && argument->has_axis[axis]);
    std::vector<int> ranks;
    for (const ir::Output &output : function.outputs) ranks.push_back(function.type(output.node).rank());
    const ir::Extent extent = extent_of(axes[axis]);
    function = passes::lift(function, marks, extent, {.mini_batch = false, .lift_all_outputs = false});
    ir::Builder builder(function);
    for (size_t i = 0; i < function.outputs.size(); ++i) {
      ir::Output &output = function.outputs[i];
      const bool lifted = function.type(output.node).rank() > ranks[i];
      if (output.kind == ir::OutputKind::result && !lifted) {
        builder.set_place(function[output.node].place);
        output.node = builder.broadcast_leading(output.node, {extent});
      } else if (output.kind == ir::OutputKind::tensor && lifted) {
        diagnostics_.report(K::state_varies, function[output.node].place, tensors[output.slot].path, to_string(axes[axis]));
        ok = false;
      }
    }
  }
  if (!ok) {
    abandon(inner);
    return {};
  }
  const std::vector<NodeId> outputs = passes::inline_function(parent.frame->builder(), function, outer);
  for (size_t i = 0; i < updated.size(); ++i)
    inner.root().states[updated[i]] = make(outputs[leaves.size() + i], tensors[updated[i]].type, parent);
  size_t leaf = 0;
  return map_leaves(tensors_only, [&](const Value &value) -> Value {
    Type type = value.get<TensorValue>()->type;
    type.dims.insert(type.dims.begin(), axes.begin(), axes.end());
    return {make(outputs[leaf++], std::move(type), parent)};
  });
}

} // namespace nnc::frontend
