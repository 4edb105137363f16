#pragma once
// Costs and reports of the model as it is, over given rows.

#include "runtime/model.h"
#include "runtime/plan.h"

namespace nnc::runtime {

/// Means over examples, in the order of the description's costs and reports.
struct Means {
  std::vector<double> costs, reports;
};

/// The means of a pass over `examples` examples by the sums of costs and of all report slots, and the reports that are made of sums. `step` and
/// `epoch` are those of the step just done.
Means finish_pass(Model &, const Means &sums, int64_t examples, const Plan &, int64_t step, int64_t epoch);

/// Evaluates the rows of `clause` in mini-batches of `plan.batch`; the other clauses go round in their own order. Without data:
/// one mini-batch. `step` and `epoch` are those of the step just done. Nothing where `stop` was set meanwhile.
std::optional<Means> evaluate(Model &, const Dataset &, const Plan &, int clause, const std::vector<int32_t> &rows, int64_t step,
                              int64_t epoch, const int32_t *stop);

} // namespace nnc::runtime
