#pragma once
// What elaboration makes of a file and one of its `train` blocks: graphs of one example, and tables of all that the runtime must know.

#include "passes/train_step.h"
#include "source/source.h"

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nnc::frontend {

enum class TensorKind { parameter, state, optimizer };

/// A tensor that lives from step to step; its slot is its index in Program::tensors.
struct Tensor {
  std::string name; // its path, as it is saved
  TensorKind kind;
  ir::Type type;
  PlaceId place;
  int owner = -1; // optimizer state: the parameter's slot
};

enum class SourceFormat { csv, idx, npy, list };

struct DataSource {
  std::string name; // for --data
  SourceFormat format;
  std::string path; // as written
  std::optional<int> header;
  ir::Elem stored; // of the input node
  std::vector<int64_t> row;
  std::vector<double> values;    // list
  std::vector<int> used_columns; // csv
  PlaceId place;
};

struct FieldCheck {
  std::string field, type;
  int64_t limit, elements;
  int source;
  std::vector<int> columns; // as runtime::Check
};

struct DataClauseInfo {
  std::string name;
  std::vector<int> sources, checks;
};

struct PredictionInfo {
  std::string name, type; // "index", "real", "i32", "bool"
  ir::Elem elem;
  std::vector<int64_t> shape;
  std::vector<int> sources;
  std::vector<int> columns; // as runtime::Prediction
};

struct SettingInfo {
  std::string name;
  double value;
};

struct Program {
  std::vector<Tensor> tensors;
  std::vector<DataSource> sources;
  std::vector<FieldCheck> checks;
  std::vector<DataClauseInfo> data;
  std::vector<PredictionInfo> predictions;
  std::vector<SettingInfo> settings;
  std::vector<std::string> cost_names, report_names;
  std::vector<int> reports_of_pass; // those that `report` makes at the end of a pass
  int sums = 0;                     // numbers that it makes them of: behind the reports of training and validation
  std::vector<PlaceId> cost_places;
  std::vector<std::string> load_files;
  double validate_share = 0;
  int validate_data = -1;
  int64_t batch = 32, epochs = 10, steps = 0;
  uint64_t seed = 0;
  bool shuffle = true;

  ir::Function initialise; // outputs: tensor for every slot
  ir::Function training;   // one example, `training` true: cost, report, tensor (states)
  ir::Function validation; // one example, `training` false: cost, report
  ir::Function prediction; // one example: prediction
  ir::Function check;      // one example: check, f64
  ir::Function report;     // report: of sums over a pass, which are inputs `setting`
  std::vector<passes::MinimizeStep> clauses;
};

/// What the compiler must know of a file before it compiles: its shape and element, from the header. The driver implements it with
/// the runtime's readers.
struct SourceHeader {
  std::string error;                // "" or what is wrong with the file
  std::vector<int64_t> row;         // shape of one row
  ir::Elem stored = ir::Elem::f32;  // u8, i32, f32 or f64
  std::vector<std::string> columns; // csv with a heading: its names
};
using ProbeSource = std::function<SourceHeader(SourceFormat, const std::string &path, std::optional<int> header)>;

} // namespace nnc::frontend
