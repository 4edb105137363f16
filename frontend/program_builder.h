#pragma once
// The steps from the walks through a `train` block to the tables and graphs of the program. Internal to build_program.

#include "frontend/optimizer.h"
#include "frontend/program_extract.h"
#include "frontend/train_paths.h"
#include "frontend/train_walk.h"

#include <memory>
#include <optional>

namespace nnc::frontend {

class ProgramBuilder {
public:
  ProgramBuilder(Elaborator &elaborator, TrainClauses clauses) : elaborator(elaborator), clauses(std::move(clauses)) {}
  std::optional<Program> build();

private:
  /// An optimizer that the block names, with what it is for.
  struct Optimization {
    OptimizerUse use;
    std::set<int> over; // slots; empty: all
  };
  using Outputs = std::vector<ir::Output>;

  bool failed() const { return elaborator.diagnostics().error_count() > 0; }
  void build_training();
  LoadInfo load_info(const LoadClause &);

  // Tensors (program_build.cpp).
  void number_tensors();
  std::string saved_name(const std::string &path) const;
  int add_tensor(Tensor);

  // What is minimized (program_minimize.cpp).
  void collect_optimizers();
  void add_optimizer(const OptimizerCall &, const std::vector<Path> &over, const std::string &prefix);
  void build_minimize(size_t number);
  std::set<int> reached_parameters(size_t number);
  std::set<int> candidates(size_t number, const std::set<int> &reached);
  Optimization *optimizer_for(size_t number, int slot);
  bool add_update(passes::MinimizeStep &, Optimization &, int slot);
  std::optional<ir::Function> clip_norm_rule();

  // Sources, checks and functions (program_sources.cpp, program_build.cpp).
  Outputs cost_outputs(TrainWalk &);
  Outputs training_outputs();
  Outputs prediction_outputs();
  Outputs sum_outputs(TrainWalk &); // program_report.cpp
  void build_report();
  void check_batch_axes(TrainWalk &, const Outputs &);
  void number_sources();
  void number_sources(TrainWalk &, const Outputs &, Renumbering &);
  int add_source(int use, int number);
  std::map<int, int> owners(TrainWalk &);
  void build_checks();
  void list_columns();
  std::vector<std::string> names_of(const Element &) const;
  void build_initialise();
  void build_predictions();

  Elaborator &elaborator;
  TrainClauses clauses;
  std::unique_ptr<TrainWalk> training, validation, prediction;
  Program program;
  Settings settings;
  std::set<int> frozen;
  std::string only_instance;                                   // its name and a point: left out of saved names
  Renumbering numbers, validation_numbers, prediction_numbers; // from the elaboration's numbers in each walk to the program's
  std::map<const OptimizerCall *, Optimization> optimizations;
  std::vector<std::optional<double>> optimizer_initial; // by program slot
  std::vector<int> source_use, source_files;            // by program source: the data clause, the elaboration's file
};

} // namespace nnc::frontend
