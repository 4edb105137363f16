#include "frontend/frame.h"

#include "ir/functions.h"

namespace nnc::frontend {

using ir::InputKind;
using ir::NodeId;

Frame::Frame(Root &root, std::string name) : root_(&root) { function_.name = std::move(name); }

Frame::Frame(Frame &parent) : root_(parent.root_), parent_(&parent) {
  function_.name = parent.function_.name;
  builder_.set_place(parent.builder_.place());
}

NodeId Frame::use(const TensorValue &value) {
  if (value.frame == this) return value.node;
  if (!parent_) throw ir::InternalError("a value of a frame that is no longer open");
  const NodeId outer = parent_->use(value);
  const ir::Node &node = parent_->function_[outer];
  if (node.op == ir::Op::input) {
    // A parameter or the like is the same input here, so that `grad` finds it.
    const ir::Input &input = parent_->function_.inputs[std::get<ir::InputAttributes>(node.attributes).number];
    if (input.kind != InputKind::argument) return leaf(input.kind, input.slot, input.name, node.type);
  }
  if (auto found = captures_.find(outer); found != captures_.end()) return found->second;
  const NodeId here =
      builder_.input({InputKind::argument, static_cast<int>(function_.inputs.size()), "", ir::no_node}, node.type);
  captures_[outer] = here;
  captured_[here] = outer;
  return here;
}

NodeId Frame::leaf(InputKind kind, int slot, const std::string &name, const ir::Type &type) {
  if (auto found = leaves_.find({kind, slot}); found != leaves_.end()) return found->second;
  const bool zero = !parent_ && (kind == InputKind::position || kind == InputKind::turn);
  const NodeId node = zero ? builder_.constant(type, 0.0) : builder_.find_input(kind, slot, name, type);
  leaves_[{kind, slot}] = node;
  return node;
}

NodeId Frame::add_argument(const std::string &name, const ir::Type &type, NodeId outer) {
  const NodeId here = builder_.input({InputKind::argument, static_cast<int>(function_.inputs.size()), name, ir::no_node}, type);
  if (outer != ir::no_node) lifted_[here] = outer;
  return here;
}

const std::string *Frame::carried_name(NodeId input) const {
  const auto found = carried_.find(input);
  return found == carried_.end() ? nullptr : &found->second;
}

/// The operands that the node's value is made of: those of a result of a loop are the loop's that it comes from in some turn.
std::vector<NodeId> Frame::operands_used(const ir::Node &node) const {
  const ir::Node *whole = node.op == ir::Op::part ? &function_[node.operands[0]] : nullptr;
  if (!whole || whole->op != ir::Op::scan) return node.operands;
  const std::vector<bool> used =
      ir::operands_of_part(*whole, std::get<ir::PartAttributes>(node.attributes).number, ir::is_same_for_all);
  std::vector<NodeId> operands;
  for (size_t i = 0; i < used.size(); ++i)
    if (used[i]) operands.push_back(whole->operands[i]);
  return operands;
}

bool Frame::varies_by_example(NodeId node) const {
  std::vector<bool> needed(node + 1, false);
  needed[node] = true;
  for (NodeId id = node + 1; id-- > 0;) {
    const ir::Node &here = function_[id];
    if (!needed[id] || ir::is_same_for_all(here.op)) continue;
    if (here.op == ir::Op::batch_take || (here.op == ir::Op::input && input_varies(id))) return true;
    for (NodeId operand : operands_used(here)) needed[operand] = true;
  }
  return false;
}

std::vector<bool> Frame::differs_by_example() const {
  std::vector<bool> differs(function_.nodes.size());
  for (NodeId id = 0; id < differs.size(); ++id) {
    const ir::Node &node = function_[id];
    if (ir::is_same_for_all(node.op)) continue;
    differs[id] = node.op == ir::Op::batch_take || (node.op == ir::Op::input && input_varies(id));
    for (NodeId operand : operands_used(node)) differs[id] = differs[id] || differs[operand];
  }
  return differs;
}

bool Frame::input_varies(NodeId node) const {
  const InputKind kind = function_.inputs[std::get<ir::InputAttributes>(function_[node].attributes).number].kind;
  if (kind == InputKind::source || kind == InputKind::row || of_examples_.contains(node)) return true;
  for (const auto *outer : {&captured_, &lifted_})
    if (const auto found = outer->find(node); found != outer->end()) return parent_->varies_by_example(found->second);
  return false;
}

std::optional<NodeId> Frame::outer_node(NodeId node) {
  if (auto found = captured_.find(node); found != captured_.end()) return found->second;
  if (!parent_ || function_[node].op != ir::Op::input) return std::nullopt;
  const ir::Input input = function_.inputs[std::get<ir::InputAttributes>(function_[node].attributes).number];
  if (input.kind == InputKind::argument) return std::nullopt;
  return parent_->leaf(input.kind, input.slot, input.name, function_.type(node));
}

} // namespace nnc::frontend
