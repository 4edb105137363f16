#pragma once
// Which axis of a kernel's loops becomes vector lanes.

#include "codegen/kernel.h"

namespace nnc::codegen {

/// The lanes of a kernel of stages, by what its accesses cost along the last of its outer axes and along the last of the inner ones: neighbours in
/// memory and what all lanes share are one vector, anything else is as many elements as there are lanes. `preferred`: where both cost the same.
Lanes lanes_of(const Kernel &, Lanes preferred);

} // namespace nnc::codegen
