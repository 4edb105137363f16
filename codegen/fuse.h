#pragma once
// Fusion: which kept nodes one kernel computes. Decided on the graph, by structure alone: two nodes share a kernel where they have the same
// iteration space and each reads of the other only the element that the same point makes.

#include "codegen/expression.h"

#include <set>

namespace nnc::codegen {

struct Member {
  ir::NodeId node;
  int level;  // stage: even ones run once for an outer point, odd ones over the inner axes
  bool inner; // its value is one for each inner point (not for a reduction)
};

enum class GroupKind : uint8_t {
  map,         // no inner axes
  row,         // reductions over the inner axes, and what shares their space
  contraction, // a matrix product and maps of its result
  alone,       // pad, concatenate, scatter_add, order: kernels that nothing joins
  loop,        // a scan: its members are its results
};

struct Group {
  GroupKind kind = GroupKind::map;
  ir::Shape shape;        // of the whole iteration space
  std::vector<int> outer; // its axes that are outer ones; kernel axis i is outer[i]
  std::vector<int> inner; // and the inner ones, numbered on
  std::vector<Member> members;
  ir::NodeId scan = ir::no_node; // of a loop
  std::set<int> after;           // groups that must run before

  /// The kernel's axis of each axis of `shape`.
  std::vector<int> kernel_axes() const;
  const Member *find(ir::NodeId) const;
  /// The kernel's axis of each axis of a member's value.
  std::vector<int> value_axes(const Member &) const;
};

std::vector<Group> fuse(const ir::Function &, const Memory &);

/// Whether group `later` must run after group `earlier`.
bool depends_on(const std::vector<Group> &, int later, int earlier);

} // namespace nnc::codegen
