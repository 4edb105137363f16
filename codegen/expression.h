#pragma once
// The expression below a node: how its value at an index is made of other nodes at indices, down to what is in memory. Both the
// decision what fuses (groups) and the code of a kernel (body) walk it.

#include "codegen/memory.h"

#include <functional>

namespace nnc::codegen {

struct At {
  ir::NodeId node;
  Index index;
  auto operator<=>(const At &) const = default;
};

/// What the value of a node is made of, at `index`: a scalar operation's operands at the same index, a view's operand at the mapped
/// one, a gather's index (its table is memory). Leaves give none, and a reshape that is no affine map of its operand's index either.
std::vector<At> operands_at(const ir::Function &, const At &);

/// The iteration space of a node that is computed: the operand's axes for a reduction, those of the result and then the summed ones for
/// an inner product, the result's for the rest.
struct Domain {
  ir::Shape shape;
  std::vector<int> outer; // axes that the result keeps, in its order
  std::vector<int> inner; // axes that are reduced
};
Domain domain_of(const ir::Function &, ir::NodeId);

/// Operations whose operands are read at other indices than the result's, by a kernel of their own kind.
bool has_own_operands(ir::Op);

/// Where a computed node's own operands are evaluated, in the axes of its domain.
std::vector<At> root_operands(const ir::Function &, ir::NodeId);

/// The kept nodes and memory that `root` reads, with their indices in the axes of its domain. Expressions in between are walked through.
std::vector<At> frontier(const ir::Function &, const Memory &, ir::NodeId root);

} // namespace nnc::codegen
