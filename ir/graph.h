#pragma once
// The graph: functions of nodes in SSA form, operands before users.

#include "ir/attributes.h"
#include "ir/type.h"
#include "source/source.h"

#include <string>
#include <vector>

namespace nnc::ir {

/// Every operation, in the order of ops.def.
enum class Op : uint8_t {
#define NNC_OP(name) name,
#include "ir/ops.def"
};

using NodeId = uint32_t; // its number in Function::nodes
constexpr NodeId no_node = ~NodeId{0};

struct Node {
  Op op;
  Type type;
  std::vector<NodeId> operands;
  Attributes attributes;
  PlaceId place; // the source that it came from; an adjoint has that of the node it belongs to
};

/// Where the value of an `input` node comes from when the function runs.
enum class InputKind : uint8_t {
  argument, // a formal of a function (`slot`: its number)
  tensor,   // parameter, state or optimizer state (`slot`: its number in the program's table of tensors)
  source,   // this example's row of a data source (`slot`: its number); batched: [B, row…]
  row,      // i32, this example's row number in the first data set; batched: [B]
  position, // i32, linear index over the enclosing lifts (draws)
  turn,     // i32, hash of the turns of enclosing loops (draws)
  seed_low,
  seed_high, // i32, halves of the seed
  step,
  total_steps,
  epoch,    // i32
  setting,  // a real scalar that `--set` can change (`slot`: its number)
  examples, // i32, B
};

struct Input {
  InputKind kind;
  int slot = 0;
  std::string name;
  NodeId node = no_node;
};

enum class OutputKind : uint8_t {
  result,     // of a function (`slot`: its number in the tuple)
  tensor,     // the new value of tensor `slot`
  cost,       // of `minimize` clause `slot`: [] in training (the mean), [B] in evaluation
  report,     // [B] or []: summed over the examples by the entry
  prediction, // [B, …]
  check,      // f64 [B, …]
};

struct Output {
  OutputKind kind;
  int slot = 0;
  std::string name;
  NodeId node = no_node;
};

struct Function {
  std::string name;
  std::vector<Node> nodes;
  std::vector<Input> inputs; // each has its `input` node
  std::vector<Output> outputs;

  const Node &operator[](NodeId id) const { return nodes[id]; }
  const Type &type(NodeId id) const { return nodes[id].type; }
};

/// A compile's functions: the entries (`train`, `evaluate`, …), later also the bodies of loops and declared adjoints.
struct Module {
  std::vector<Function> functions;
};

/// Number of users of each node, outputs counted.
std::vector<uint32_t> use_counts(const Function &);

} // namespace nnc::ir
