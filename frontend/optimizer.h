#pragma once
// An optimizer's block as the graph of one parameter's update.

#include "frontend/elaborator.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nnc::frontend {

/// The settings of a program: arguments of optimizers that `--set` can change. A number stands for each in the graphs.
class Settings {
public:
  /// The number of setting `name` with `value`; one that is there keeps its value.
  int number(const std::string &name, double value);
  std::vector<SettingInfo> list;
};

/// One parameter's update by an optimizer.
struct OptimizerRule {
  struct State {
    std::string name;
    double initial;
    PlaceId place;
  };
  /// Inputs argument 0 (p) and 1 (g), step, total_steps, epoch, settings, and a tensor for each state, by its number in `states`; outputs
  /// result 0 and a tensor for each state.
  ir::Function function;
  std::vector<State> states;
};

/// A call of an optimizer in a train block: `adam(rate = 0.003)`.
class OptimizerUse {
public:
  /// `prefix` stands before the names of its settings.
  OptimizerUse(Elaborator &elaborator, const OptimizerCall &call, const FileScope &file, std::string prefix);

  /// Whether there is such an optimizer; if not, that has been reported.
  bool found() const { return declaration != nullptr; }
  const OptimizerCall &call() const { return *use; }
  const std::string &name() const { return use->name.name; }

  /// Reports what is wrong with the arguments, whether or not a parameter needs the rule.
  void check_arguments();

  /// The rule for a parameter of that type. Arguments that are plain numbers become settings. Nothing where the call or the block is wrong (reported).
  /// A condition of an `if` is decided with the numbers that are written, so that `if momentum != 0 { … }` is there or not in every run.
  std::optional<OptimizerRule> rule(const Type &parameter, Settings &);

private:
  struct Scopes;
  bool bind_arguments(Scopes &);
  bool declare_states(Scopes &, OptimizerRule &);
  void run(const Stmt &, Scopes &, Scope &);
  void run(const Block &, Scopes &, Scope &);

  Elaborator &elaborator;
  const OptimizerCall *use;
  const FileScope *file; // of the call
  const Optimizer *declaration = nullptr;
  const FileScope *declared_in = nullptr;
  std::string prefix;
};

} // namespace nnc::frontend
