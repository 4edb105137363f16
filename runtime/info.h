#pragma once
// `info`: what the model is made of.

#include "runtime/model.h"

namespace nnc::runtime {

/// Prints model, tensors, data, settings and memory to standard output; `batch` is the mini-batch that memory is reckoned for.
void print_info(const Model &, int64_t batch);

} // namespace nnc::runtime
