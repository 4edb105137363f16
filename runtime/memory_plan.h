#pragma once
// What a training run takes of the machine's memory, known before it starts.

#include "runtime/description.h"

namespace nnc::runtime {

struct MemoryPlan {
  int64_t state = 0;       // parameters, states and optimizer states
  int64_t arena = 0;       // scratch of the entry that needs most: one block serves all
  int64_t data = 0;        // the sources as they are stored
  int64_t row_numbers = 0; // which examples are trained on and held out, and their order
  int64_t results = 0;     // costs and reports of the steps of one call
  int64_t stack = 0;       // of each thread, for tiles, packed rows and slabs
  int64_t program = 0;     // its code and the C library's own, on one thread

  int64_t total() const { return state + arena + data + row_numbers + results + stack + program; }
};

/// Of a run as the description says it. Reads the headers of the data files, a csv file whole. Throws Error where a file is at fault.
MemoryPlan memory_plan(const Description &);

/// Most steps in one call of the compiled code: what the buffers of a run hold.
/// Whether one call may run several epochs: nothing between or in their steps depends on where one ends.
bool joins_epochs(const Description &, int64_t examples, int64_t batch, bool is_not_validated);

int64_t steps_of_call(int64_t batch, int64_t steps_per_epoch);

} // namespace nnc::runtime
