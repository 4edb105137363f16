#pragma once
// A frame is a graph under construction. A root frame becomes a function of the program; a nested one is the body of something lifted (a call with extra
// axes, index notation): it takes what it needs of the frames around it as inputs, is lifted, and is copied into its parent.

#include "frontend/value.h"
#include "ir/builder.h"

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace nnc::frontend {

/// What holds for a root frame and all frames within.
struct Root {
  bool training = false;
  std::map<int, TensorValue> states; // by slot: what a state is after the updates so far
  std::vector<int> updated;          // slots in the order of their first `<-`
};

class Frame {
public:
  /// A root frame. Its inputs are made as they are asked for, except that `position` and `turn` are the constant 0; `set_leaf` gives others.
  Frame(Root &root, std::string name);
  explicit Frame(Frame &parent);
  Frame(const Frame &) = delete;

  Root &root() const { return *root_; }
  Frame *parent() const { return parent_; }
  ir::Builder &builder() { return builder_; }
  ir::Function &function() { return function_; }

  /// The node of `value` in this frame; one of a frame around becomes an input.
  ir::NodeId use(const TensorValue &value);
  /// The input of that kind and slot (parameter, row, step, …).
  ir::NodeId leaf(ir::InputKind kind, int slot, const std::string &name, const ir::Type &type);
  /// In place of the input: the frame's own node for that leaf, for instance a constant row 0.
  void set_leaf(ir::InputKind kind, int slot, ir::NodeId node) { leaves_[{kind, slot}] = node; }

  /// Of a nested frame: an input that `lift` gives the extra axes. `outer` is the parent's node with them; no_node: the numbers of an index.
  ir::NodeId add_argument(const std::string &name, const ir::Type &type, ir::NodeId outer = ir::no_node);
  /// Of a root frame: an argument that is one for each example.
  void give_each_example(ir::NodeId argument) { of_examples_.insert(argument); }
  /// Of the body of a loop: the input is what the loop carries under that name.
  void mark_carried(ir::NodeId input, const std::string &name) { carried_[input] = name; }
  /// The name under which the loop carries the input, or null.
  const std::string *carried_name(ir::NodeId input) const;
  /// Whether the frame, or one around it, is the body of a loop that carries something: of that only the first value is known.
  bool is_in_loop() const { return !carried_.empty() || (parent_ && parent_->is_in_loop()); }
  /// The parent's node that an input of this frame stands for; nothing for those of add_argument and for all else.
  std::optional<ir::NodeId> outer_node(ir::NodeId input);
  /// Notes that the node is an index, so that what it can be is known of sums that it is part of.
  void note_index(ir::NodeId node, const Element &element) { indices_[node] = element; }
  const Element *noted_index(ir::NodeId node) const {
    const auto found = indices_.find(node);
    return found == indices_.end() ? nullptr : &found->second;
  }
  /// Whether the node depends on which example of the mini-batch this is: on a row of data or a draw, but for ways through what is the same for all.
  bool varies_by_example(ir::NodeId) const;
  /// The same of every node.
  std::vector<bool> differs_by_example() const;

private:
  bool input_varies(ir::NodeId input) const;
  std::vector<ir::NodeId> operands_used(const ir::Node &) const;

  Root *root_;
  Frame *parent_ = nullptr;
  ir::Function function_;
  ir::Builder builder_{function_};
  std::map<std::pair<ir::InputKind, int>, ir::NodeId> leaves_;
  std::map<ir::NodeId, ir::NodeId> captures_; // (node of the parent, input of this)
  std::map<ir::NodeId, ir::NodeId> captured_; // the same backwards
  std::map<ir::NodeId, Element> indices_;
  std::map<ir::NodeId, ir::NodeId> lifted_; // (argument with extra axes, node of the parent)
  std::set<ir::NodeId> of_examples_;
  std::map<ir::NodeId, std::string> carried_; // (argument, name) of a loop's body
};

} // namespace nnc::frontend
