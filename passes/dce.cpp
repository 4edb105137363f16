// Dead nodes: what no output needs.

#include "passes/passes.h"
#include "passes/rewrite.h"

namespace nnc::passes {

ir::Function dce(ir::Function function) { return without_dead_nodes(std::move(function)); }

} // namespace nnc::passes
