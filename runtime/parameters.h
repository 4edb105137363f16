#pragma once
// Parameters and states between the state block and files.

#include "runtime/model.h"

namespace nnc::runtime {

/// Writes the tensors of kind parameter and state, whole or not at all. Throws Error.
void save_parameters(const Model &, const std::string &path);

/// Sets them from a file that has exactly these names and shapes (other elements convert); throws Error listing every one that does
/// not match, having changed nothing. What PyTorch counts beside the parameters (`num_batches_tracked`) is passed over.
void load_parameters(Model &, const std::string &path);

/// The files of the `load` clauses.
void load_clauses(Model &);

} // namespace nnc::runtime
