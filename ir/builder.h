#pragma once
// Appends nodes to a function. Every call checks the operation's shape rule; a mismatch is a defect of nnc (the front end has
// checked the user's types before) and throws InternalError. Never simplifies: each call makes a node of its own, since `grad`
// distinguishes equal values by their nodes. Passes fold later.

#include "ir/graph.h"

#include <span>
#include <stdexcept>

namespace nnc::ir {

/// A defect of nnc's own: ends as exit 70.
struct InternalError : std::logic_error {
  using std::logic_error::logic_error;
};

class Builder {
public:
  explicit Builder(Function &function) : function_(&function) {}

  Function &function() const { return *function_; }
  const Type &type(NodeId id) const { return function_->nodes[id].type; }
  PlaceId place() const { return place_; }
  void set_place(PlaceId place) { place_ = place; }

  /// The general form. `declared` is the result's type for operations that need it told.
  NodeId add_node(Op, std::vector<NodeId> operands, Attributes = NoAttributes{}, const Type *declared = nullptr);

  NodeId input(Input, Type);
  /// The function's input of that kind and slot, made where it is not there yet.
  NodeId find_input(InputKind, int slot, const std::string &name, const Type &);
  void output(Output);

  // Leaves.
  NodeId constant(Type, double value);               // the same for every element
  NodeId constant(Type, std::vector<double> values); // all, row-major
  NodeId iota(Shape, int axis);                      // i32

  // Elementwise; both operands of binary ones must have one type.
  NodeId unary(Op, NodeId);
  NodeId binary(Op, NodeId, NodeId);
  NodeId select(NodeId condition, NodeId a, NodeId b);
  NodeId convert(NodeId, Elem); // the operand itself where it has that element
  NodeId add(NodeId a, NodeId b) { return binary(Op::add, a, b); }
  NodeId sub(NodeId a, NodeId b) { return binary(Op::sub, a, b); }
  NodeId mul(NodeId a, NodeId b) { return binary(Op::mul, a, b); }
  NodeId zmul(NodeId g, NodeId d) { return binary(Op::zmul, g, d); }
  NodeId div(NodeId a, NodeId b) { return binary(Op::div, a, b); }
  NodeId neg(NodeId a) { return unary(Op::neg, a); }
  /// A constant of the operand's type and shape.
  NodeId like(NodeId operand, double value) { return constant(type(operand), value); }

  // Views.
  NodeId broadcast(NodeId, Shape result, std::vector<int64_t> axes); // operand axis k becomes result axis axes[k]
  NodeId broadcast_leading(NodeId, const Shape &leading);            // new axes in front
  NodeId reshape(NodeId, Shape);
  NodeId transpose(NodeId, std::vector<int64_t> permutation);
  NodeId slice(NodeId, std::vector<int64_t> start, std::vector<int64_t> limit, std::vector<int64_t> stride);
  NodeId reverse(NodeId, std::vector<int64_t> axes);
  NodeId window(NodeId, WindowAttributes, Shape result);
  NodeId window_add(NodeId, WindowAttributes, Shape result);
  NodeId pad(NodeId, std::vector<int64_t> before, std::vector<int64_t> after, std::vector<int64_t> between);
  NodeId concatenate(std::vector<NodeId>, int64_t axis);

  NodeId reduce(ReduceKind, NodeId, std::vector<int64_t> axes);
  NodeId argreduce(ReduceKind, NodeId, std::vector<int64_t> axes);
  NodeId dot(NodeId left, NodeId right, DotAttributes);
  NodeId gather(NodeId table, NodeId index, int64_t batch);
  NodeId scatter_add(NodeId index, NodeId updates, int64_t batch, Extent size);

private:
  Function *function_;
  PlaceId place_;
};

} // namespace nnc::ir
