#pragma once
// A run as the description and the options together say it.

#include "runtime/dataset.h"
#include "runtime/options.h"

namespace nnc::runtime {

struct Plan {
  int64_t batch = 0;
  int64_t examples = 0;        // of an epoch: the training rows; without data one mini-batch
  int64_t steps_per_epoch = 0; // the last one may be smaller
  int64_t total_steps = 0;
  int64_t epochs = 0; // begun until then
  uint64_t seed = 0;
  bool shuffle = true;
  int drawn = 0;                   // training draws from the data clauses [0, drawn); the first sets the epoch
  std::vector<int32_t> training;   // rows of clause 0
  std::vector<int32_t> validation; // rows of `validation_clause`; empty: there is none
  int validation_clause = 0;
};

Plan make_plan(const Description &, const Options &, const Dataset &);

} // namespace nnc::runtime
