#pragma once
// The optimisations, one file each; pipeline.cpp lists them in order with what each is for.

#include "ir/graph.h"

namespace nnc::passes {

ir::Function loops(const ir::Function &);
ir::Function simplify(const ir::Function &);
ir::Function fold(const ir::Function &);
ir::Function cse(const ir::Function &);
ir::Function contract(const ir::Function &);
ir::Function dots(const ir::Function &);
ir::Function dce(const ir::Function &);

} // namespace nnc::passes
