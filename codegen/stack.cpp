#include "codegen/stack.h"

#include "codegen/contraction_plan.h"
#include "codegen/lower_shares.h"
#include "codegen/schedule.h"

#include <algorithm>

namespace nnc::codegen {

int64_t stack_bytes(const Kernel &kernel, const Processor &target) {
  if (kernel.contraction) {
    const ContractionScratch scratch = contraction_scratch(kernel, plan_contraction(kernel, target));
    return (scratch.sums + scratch.rows + scratch.panel) * ir::bytes(kernel.contraction->elem);
  }
  int64_t part = 0; // one of the kernels of its steps runs at a time
  for (const Step &step : kernel.steps)
    for (const Kernel &inner : step.kernels) part = std::max(part, stack_bytes(inner, target));
  return kernel.slab_bytes + part;
}

int64_t stack_bytes(const Entry &entry, const Processor &target) {
  constexpr int64_t place = 8; // of a buffer that a kernel uses, and of what moves it on from turn to turn
  int64_t list = 0, most = 0;
  for (const Kernel &kernel : entry.kernels) {
    const Traffic traffic = traffic_of(kernel, entry.buffers);
    list += Shares::bytes_of_kernel + place * static_cast<int64_t>(2 * (traffic.reads.size() + traffic.writes.size()));
    most = std::max(most, stack_bytes(kernel, target));
  }
  return list + most;
}

} // namespace nnc::codegen
