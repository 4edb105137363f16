#pragma once
// One loop of a graph, made again without what need not be in it.

#include "ir/builder.h"

#include <vector>

namespace nnc::passes {

/// How the results of a scan are used: at all; only by sums over the turns.
struct PartUses {
  std::vector<bool> used, summed;
};

/// Per result of the old loop the node that it is now, and where only its sum over the turns was asked for, that sum; else no_node.
struct RewrittenLoop {
  std::vector<ir::NodeId> results, sums;
};

/// The loop `scan` on `operands` of the builder's graph: work that a turn does not need of the turns before goes in front of it or behind it, and what nobody
/// uses goes.
RewrittenLoop rewrite_loop(ir::Builder &, const ir::Node &scan, const std::vector<ir::NodeId> &operands, const PartUses &);

} // namespace nnc::passes
