#include "ir/graph.h"

namespace nnc::ir {

std::vector<uint32_t> use_counts(const Function &function) {
  std::vector<uint32_t> counts(function.nodes.size());
  for (const Node &node : function.nodes)
    for (NodeId operand : node.operands) ++counts[operand];
  for (const Output &output : function.outputs) ++counts[output.node];
  return counts;
}

} // namespace nnc::ir
