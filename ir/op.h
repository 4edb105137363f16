#pragma once
// One record per operation: all its facts in one place. A missing fact does not compile (no member has a default), and an
// operation without a derivative says why.

#include "ir/builder.h"
#include "ir/graph.h"

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace nnc::ir {

/// A tensor of the reference evaluator: values as f64 whatever the element (f32 values are rounded to f32 after each operation).
struct Array {
  Elem elem = Elem::f64;
  std::vector<int64_t> dims;
  std::vector<double> values;    // row-major
  std::vector<Array> parts = {}; // of a tuple; then the rest means nothing
};

/// What an operation needs to compute one value in the reference evaluator.
struct EvaluateContext {
  const Function &function;
  const Node &node;
  std::span<const Array *const> operands;
  int64_t examples; // B
};

/// A node and the gradient of something with respect to it.
struct Seed {
  NodeId node, gradient;
};
/// The walk over the adjoint rules (passes/differentiate.h), for operations that run functions.
using Differentiate = std::vector<NodeId> (*)(Builder &, std::span<const Seed>, std::span<const NodeId> xs);
/// The walk over the batching rules (passes/lift.h): the function with the marked inputs lifted; its outputs as they come.
using Lift = Function (*)(const Function &, const std::vector<bool> &lifted, Extent size, bool mini_batch);

/// The gradient of each operand given that of the result; no_node where it is zero or not asked for.
struct AdjointContext {
  Builder &builder; // appends to the graph; nodes get the place of `node`
  NodeId node;
  NodeId gradient;                   // of the result, in its type
  const std::vector<bool> &wanted;   // per operand
  std::span<const NodeId> gradients; // of the results, where they are several; no_node for none
  Differentiate differentiate;

  NodeId operand(size_t i) const { return builder.function()[node].operands[i]; }
  const Type &type(size_t i) const { return builder.type(operand(i)); }
  template <typename T> T attributes() const { return std::get<T>(builder.function()[node].attributes); }
};

/// Lifts one node along a new leading axis of extent `size`: an operand is lifted (has the axis in front) or not.
struct BatchContext {
  Builder &builder;                 // of the new graph
  const Node &node;                 // of the old one
  const Type &type;                 // of the old one's result
  std::span<const NodeId> operands; // in the new graph
  const std::vector<bool> &lifted;  // at least one is
  Extent size;
  bool mini_batch; // the new axis is that of the examples
  Lift lift_function;
  /// Operand `i` with the axis in front, broadcast where it is not lifted.
  NodeId lift(size_t i) const;
};

/// The node in the new graph; not lifted where it is the same along the new axis (a sum over the examples).
struct Batched {
  NodeId node;
  bool lifted;
  Batched(NodeId node, bool lifted = true) : node(node), lifted(lifted) {}
};

struct NotDifferentiable {
  const char *because;
};

using ShapeRule = Type (*)(std::span<const Type *const> operands, const Attributes &, std::string &error);
using AdjointRule = std::variant<NotDifferentiable, std::vector<NodeId> (*)(const AdjointContext &)>;
using BatchRule = Batched (*)(const BatchContext &);
using EvaluateRule = Array (*)(const EvaluateContext &);

/// Where operand element comes from for a result element, for operations that only move elements: operand index = Σ over result axes.
struct IndexMap {
  struct Axis {
    int64_t constant = 0;
    std::vector<std::pair<int, int64_t>> terms; // (result axis, coefficient)
  };
  std::vector<Axis> axes; // per operand axis
};

/// How code generation treats the operation.
struct ScalarBody {}; // elementwise: codegen/scalar.cpp has its code by Op
struct View {
  std::optional<IndexMap> (*map)(const Node &, const Type &operand);
}; // affine; nullopt: needs its operand in memory (reshape that merges)
struct OwnKernel {}; // reduce, dot, gather, …: codegen has a kernel kind for it
struct Leaf {};
struct AcrossExamples {}; // gone when the mini-batch is lifted, whether or not an operand varies
using KernelRule = std::variant<ScalarBody, View, OwnKernel, Leaf, AcrossExamples>;

/// A sample for the property tests: operand types, attributes and the range that float operands are drawn from.
struct Sample {
  std::vector<Type> operands;
  Attributes attributes;
  std::optional<Type> result; // where the operands do not determine it: reshape, broadcast, convert, constant, iota
  double low, high;
  int64_t index_below; // i32 operands are drawn from [0, index_below)
};

struct OpRecord {
  const char *name;
  const char *doc;       // one line: formula and kink
  int operands;          // -1: any number
  Attributes (*blank)(); // its type of attributes, with nothing in them
  ShapeRule
      shape; // the result's type, or `error` set. `declared` result types (reshape, broadcast, convert, constant, iota, input) are
             // passed as the LAST operand type
  bool declared_type; // the shape rule is given the declared result type as a last operand
  AdjointRule adjoint;
  BatchRule batch;
  EvaluateRule evaluate;
  KernelRule kernel;
  bool commutative;
  std::vector<Sample> (*samples)();
};

const OpRecord &record(Op);

/// Whether a gradient flows through the node.
bool passes_gradient(const Node &);

/// The type of a node, by its shape rule; or `error` set. `declared` is that of operations that need it told.
Type result_type(Op, std::vector<const Type *> operands, const Attributes &, const Type *declared, std::string &error);

/// The value as an element holds it: f32 rounded, i32 wrapped, bool 0 or 1.
double round_to(Elem, double);

std::optional<Op> op_named(std::string_view name);

} // namespace nnc::ir
