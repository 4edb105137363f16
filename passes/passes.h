#pragma once
// The optimisations, one file each; pipeline.cpp lists them in order with what each is for.

#include "ir/graph.h"

namespace nnc::passes {

ir::Function loops(ir::Function);
ir::Function simplify(ir::Function);
ir::Function fold(ir::Function);
ir::Function cse(ir::Function);
ir::Function contract(ir::Function);
ir::Function dots(ir::Function);
ir::Function sums(ir::Function);
ir::Function dce(ir::Function);

} // namespace nnc::passes
