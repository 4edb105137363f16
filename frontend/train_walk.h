#pragma once
// One walk through a `train` block: the graph of one example, in training or not.

#include "frontend/data_block.h"
#include "frontend/train_clauses.h"

#include <set>

namespace nnc::frontend {

/// What the number clauses say.
struct TrainNumbers {
  int64_t batch = 32, epochs = 10, steps = 0;
  uint64_t seed = 0;
  double validate_share = 0;
};

/// The sums over the pass that a node needs.
std::vector<ir::NodeId> pass_sums(const ir::Function &, ir::NodeId);

class TrainWalk {
public:
  /// What `minimize`, `report` and `predict` name.
  struct Result {
    std::string name;
    TensorValue value;
    PlaceId place;
    bool valid = false;                // else it was reported
    std::vector<ir::NodeId> sums = {}; // of a report: the sums over the pass that it is made of
  };

  /// `training`: what the name means, and whether states are updated. `validating`: fields are those of `validate NAME`, if there is one.
  TrainWalk(Elaborator &, const TrainClauses &, bool training, bool validating);

  /// The states that cost `number` updates, in the order of the text.
  std::vector<int> states_of(size_t number);
  /// Where names of the block are evaluated after the walk.
  Context context() { return {&frame, &scope, &activation, {}, nullptr}; }

  Root root;
  Frame frame;
  Scope scope;
  std::vector<DataRow> rows;                       // for each of TrainClauses::data
  std::vector<Result> costs, reports, predictions; // in the order of the text
  TrainNumbers numbers;

private:
  /// A stretch of the text that updated states: the nodes that it made, and the cost that it belongs to (-1: a binding).
  struct Update {
    ir::NodeId begin, end;
    int cost;
    std::vector<int> slots;
  };

  void read_fields(bool validating);
  void bring_in(const DataUse &, const DataRow &);
  void check_validation_fields();
  void walk(const Clause &);
  void clause(const BindStmt &, Span);
  void clause(const DefineStmt &, Span);
  void clause(const ValidateClause &, Span);
  void clause(const MinimizeClause &, Span);
  void clause(const ReportClause &, Span);
  void clause(const PredictClause &, Span);
  void clause(const NumberClause &, Span);
  template <typename Other> void clause(const Other &, Span) {} // sorted by sort_clauses, evaluated later
  bool mixes_examples(const TensorValue &, const std::vector<ir::NodeId> &sums);
  std::optional<TensorValue> scalar(const Expr &, const Value &, DiagnosticKind shape_error, const std::string &name);

  Elaborator &elaborator;
  const TrainClauses &clauses;
  Activation activation;
  std::vector<Update> updates;
};

} // namespace nnc::frontend
