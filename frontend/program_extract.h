#pragma once
// A function of the program out of the graph that the elaboration of a `train` block made: only what its outputs need, with the program's
// numbers for tensors and sources.

#include "ir/builder.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace nnc::frontend {

/// How the function runs.
enum class ExtractMode {
  as_it_is,
  evaluation, // draws are those of step 0
  alone,      // the same, and the example is the only one of its mini-batch: `predict`
};

/// The numbers of tensors and sources in the program, by those of the elaboration.
struct Renumbering {
  std::map<int, int> tensors, sources;
};

/// The part of `graph` that `outputs` (nodes of it) need, as a function. Inputs that nothing needs are left out.
ir::Function extract(const ir::Function &graph, const std::string &name, const std::vector<ir::Output> &outputs,
                     const Renumbering &, ExtractMode);

/// Per node whether one of `roots` needs it.
std::vector<bool> needed_by(const ir::Function &, const std::vector<ir::NodeId> &roots);

/// The slots of the inputs of that kind that `function` has.
std::set<int> input_slots(const ir::Function &, ir::InputKind);

} // namespace nnc::frontend
