#pragma once
// Functions within functions: the bodies of loops and the declared adjoints that operations run.

#include "ir/builder.h"

#include <functional>
#include <span>

namespace nnc::ir {

/// Copies `function` into the builder's graph with `arguments` for its inputs (per Function::inputs) and gives its outputs' nodes.
std::vector<NodeId> inline_function(Builder &, const Function &, std::span<const NodeId> arguments);

/// Operations whose value is the same for all examples, whatever their operands.
bool is_same_for_all(Op);

/// Whether the operation, or one that it runs, is across the mini-batch.
bool is_across_examples(const Node &);

/// Changes each function that a node of `function` runs.
void change_bodies(Function &function, const std::function<Function(const Function &)> &change);

/// Per node of `function` whether one of the marked inputs reaches it. `by_gradient`: only along ways that a gradient flows through.
std::vector<bool> reached_from(const Function &function, const std::vector<bool> &marked, bool by_gradient);

/// The operands of a scan that result `number` is computed from in some turn, but for ways through operations `except`.
std::vector<bool> operands_of_part(const Node &scan, int64_t number, bool (*except)(Op));

/// Marks, beside the marked inputs of a scan's body, the carried values that become marked in some turn.
void spread_over_turns(const ScanAttributes &, std::vector<bool> &marked, bool by_gradient);

} // namespace nnc::ir
