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

/// A file, and how it is read.
struct DataFile {
  std::string format;        // the function of the language that names it; "list": its rows stand in the text
  std::string path;          // as written
  std::optional<int> header; // csv
  std::string key;           // npz, safetensors: the array's name
  int64_t window = 0;        // not 0: an example is this many rows that follow each other

  bool operator==(const DataFile &) const = default;
};

struct ColumnTexts {
  int column;
  std::vector<std::string> values; // sorted
};

struct DataSource {
  std::string name; // for --data
  DataFile file;
  ir::Elem stored; // of the input node
  std::vector<int64_t> row;
  std::vector<double> values;        // list
  std::vector<int> used_columns;     // csv
  std::vector<ColumnTexts> texts;    // csv: the used columns of text
  std::vector<std::string> alphabet; // of characters: what each value means
  int64_t limit = 0;                 // not 0: values are whole and below it
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
  std::vector<int> columns;       // as runtime::Prediction
  std::vector<std::string> names; // of the values of an index, where its alphabet is known
};

/// One `load` clause; `tensors`: what `into` names, empty for all; `alone`: their names in a file of their instance alone.
struct LoadInfo {
  std::string file;
  std::vector<int> tensors;
  std::vector<std::string> alone;
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
  std::vector<LoadInfo> loads;
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

/// What the compiler must know of a file before it compiles: its shape and element, from the header, and the alphabet of a text.
struct SourceHeader {
  std::string error;                 // "" or what is wrong with the file
  std::vector<int64_t> row;          // shape of one row
  ir::Elem stored = ir::Elem::f32;   // u8, i32, f32 or f64
  std::vector<std::string> columns;  // csv with a heading: its names
  std::vector<bool> text;            // csv: which columns are of text
  std::optional<int64_t> rows;       // absent for csv
  int64_t limit = 0;                 // not 0: values are whole and below it
  std::vector<std::string> alphabet; // of characters
};
using ProbeSource = std::function<SourceHeader(const DataFile &)>;

/// The sorted different texts of a csv column.
struct SourceTexts {
  std::string error;
  std::vector<std::string> values;
};
using ReadTexts = std::function<SourceTexts(const DataFile &, int column)>;

/// All rows of a file, or one column (-1: all) of a csv file; texts as their places in the sorted ones.
struct SourceContent {
  std::string error;
  int64_t rows = 0;
  std::vector<double> values; // row-major
};
using ReadContent =
    std::function<SourceContent(const DataFile &, const SourceHeader &, int column, const std::vector<std::string> &texts)>;

/// How the compiler sees data files. The driver implements these with the runtime's readers.
struct SourceReader {
  ProbeSource probe;
  ReadTexts texts;
  ReadContent content;
  std::function<std::string(const std::string &path)> refused; // why a program may not name this file; "" where it may
};

} // namespace nnc::frontend
