#pragma once
// From the graph of one example to the entries of a program: the mini-batch, the derivatives of each `minimize` clause, the
// optimizer's updates, and the sums that the runtime averages.

#include "ir/graph.h"

#include <optional>
#include <string>
#include <vector>

namespace nnc::passes {

/// How one parameter is updated by one clause. `rule` has the inputs argument 0 (p) and argument 1 (its gradient g), tensor inputs
/// for its optimizer states, step, total_steps, epoch and settings; outputs result 0 (the new p) and tensor (the new states).
struct ParameterUpdate {
  int tensor; // slot of the parameter
  ir::Function rule;
};

/// One `minimize`: it descends the mean of the example graph's output {cost, slot}.
struct MinimizeStep {
  int cost; // slot of the cost output
  std::vector<ParameterUpdate> updates;
  std::optional<ir::Function> clip_norm; // inputs step, …; output result 0: a real scalar
  std::vector<int> states;               // slots of model states whose updates this cost reaches, in the order of the text
};

/// The entry `train`: one pure graph from parameters, states, optimizer states, rows and step number to new ones, costs (the mean over the
/// batch, []) and reports (sums over the batch, f64 []). `example` is the graph of one example with `training` true; its outputs are cost, report
/// and tensor (states). Each clause uses the parameters and states that the one before left and the same draws; reports use those from
/// before the first. A clause leaves everything as it was where its cost is not finite.
ir::Function train_entry(const ir::Function &example, const std::vector<MinimizeStep> &);

/// The entry `evaluate`: costs and reports summed over the mini-batch, f64 [].
ir::Function evaluate_entry(const ir::Function &example);

/// The entries `predict` and `check`: the outputs with the mini-batch in front.
ir::Function batched_entry(const ir::Function &example);

} // namespace nnc::passes
