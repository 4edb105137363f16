#pragma once
// What a compiled module says of itself: the typed form of `nnc_description`. The compiler fills it in and writes it as JSON,
// the runtime reads that JSON once, at the start. Member names are the JSON names (runtime/description.cpp).

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nnc::runtime {

/// How an element is stored in state, in a source or in an output.
enum class Stored { u8, i32, f32, f64 };
size_t stored_bytes(Stored);

/// One tensor of the state block.
struct Tensor {
  std::string name; // its path, such as `hidden.weight`; the binding of `train` in front only where there are several instances
  std::string kind; // "parameter", "state" or "optimizer"
  Stored stored = Stored::f32;
  std::vector<int64_t> shape;
  int64_t offset = 0; // bytes from the start of the state block, a multiple of 64
  std::string place;  // where it is declared, `digits.nn:4:3`
};

/// The different texts of a csv column: a cell is the index of its text.
struct Alphabet {
  int column = 0;
  std::vector<std::string> values; // sorted by bytes, which for UTF-8 is by code point
};

/// One file or literal list, rows in front.
struct Source {
  std::string name;          // what `--data NAME=` may say: `block.field` or `block`
  std::string format;        // the name of a record of runtime/format.h, or "list"
  std::string path;          // as written in the .nn file
  std::string directory;     // of the .nn file, absolute; the program looks there, then beside itself
  std::optional<int> header; // csv: number of heading lines; absent: found out
  std::string key;           // npz, safetensors: the array's name
  int64_t window = 0;        // not 0: an example is this many rows of the file that follow each other, which `row` has in front
  Stored stored =
      Stored::f32; // the element type in memory that the generated code reads; a file of another type is converted (checked)
  std::vector<int64_t> row;        // shape of one row: [65] for a csv of 65 columns, [28, 28] for images, [] for numbers
  std::vector<double> values;      // "list": all rows
  std::vector<int> used;           // csv: the columns that are read; empty: all (a text column that is not used is no error)
  std::vector<Alphabet> alphabets; // csv: the columns of text
  std::vector<std::string> names;  // chars, lines: the character that each value means, sorted by code point
  int64_t limit = 0;               // not 0: every value is whole and below it
};

/// A field whose values must be whole and in [0, limit): checked over all rows before anything runs.
struct Check {
  std::string field; // `label`
  std::string type;  // `index(10)`, for the message
  int64_t limit = 0;
  int64_t elements = 1;     // values of one example, in nnc_check's output
  int source = 0;           // for the message: the source, and
  std::vector<int> columns; // per element the flat element of the source's row that it is, or -1 where computed
};

/// One `data NAME` clause: sources with equal numbers of rows.
struct Data {
  std::string name;         // the block's name
  std::vector<int> sources; // indices into `sources`
  std::vector<int> checks;  // indices into `checks`
};

struct Prediction {
  std::string name;
  std::string type; // "index", "real", "i32" or "bool": how it is written
  Stored stored = Stored::f32;
  std::vector<int64_t> shape;     // of one example
  std::vector<int> sources;       // the sources that it needs
  std::vector<int> columns;       // where it needs one csv source: the columns that it reads; empty: all
  std::vector<std::string> names; // "index" of a named alphabet: the name of each value
};

struct Setting {
  std::string name; // what `--set NAME=` says
  double value = 0;
};

/// One `load` clause.
struct Load {
  std::string file;
  std::vector<int> tensors;       // `into`: indices into `tensors`; empty: all that are saved, and the file has no others
  std::vector<std::string> alone; // for each of these its name in a file of the one instance, saved where no other was made
};

/// One kernel of `train`, for --profile. Polynomials in B have the coefficients of 1, B, B², …
struct KernelAbout {
  std::string name;               // `train_12_contraction`
  std::string place;              // of what it was made for, `digits.nn:4:3`
  std::vector<std::string> makes; // tensors of the state block that it writes
  double turns = 1;               // how often it runs in a step, and each time
  std::vector<double> operations; // of arithmetic, and
  std::vector<double> bytes;      // read and written
};

/// Bytes of scratch: a + b·B + c·B².
using Bytes = std::array<int64_t, 3>;

struct Description {
  int version = 0;       // NNC_MODULE_VERSION
  std::string nnc;       // version of the compiler
  std::string model;     // name of the .nn file without ending: NAME of the default files
  std::string file;      // the .nn file as given, for messages
  std::string directory; // of the .nn file, absolute: where `load` clauses look first
  std::string real;      // "f32" or "f64"
  std::string cpu;
  int64_t state_bytes = 0;
  int64_t stack_bytes = 0; // what an entry keeps on the stack of each thread, at most
  Bytes init_arena{}, train_arena{}, evaluate_arena{}, predict_arena{}, check_arena{}, report_arena{};
  std::vector<Tensor> tensors;
  std::vector<Source> sources;
  std::vector<Check> checks;
  std::vector<Data> data;               // the `data` clauses in order; the first sets the epoch
  std::vector<std::string> costs;       // "cost" for one `minimize`; "cost", "cost2", … for several
  std::vector<std::string> cost_places; // where each `minimize` stands
  std::vector<std::string> reports;
  std::vector<int> reports_of_pass; // those that nnc_report makes of sums over a pass
  int sums = 0;                     // how many these are: in nnc_call::reports behind the reports
  std::vector<Prediction> predictions;
  std::vector<Setting> settings;
  double validate_share = 0; // `validate 20%`: 0.2 of the first data's rows, by a seeded shuffle
  int validate_data = -1;    // `validate NAME`: index into `data` (a clause of its own behind the drawn ones), or -1
  int64_t batch = 32, epochs = 10, steps = 0; // steps 0: `epochs` counts
  uint64_t seed = 0;
  bool shuffle = true;
  bool reads_epoch = false; // a step depends on the number of the epoch
  std::vector<Load> load;
  std::string kernels;     // JSON of the KernelAbouts, a text of its own as only --profile reads it
  std::string kernels_one; // those of `train_one`; empty: there is none
};

/// Numbers in nnc_call::reports for each step or mini-batch.
size_t report_slots(const Description &);

std::string to_json(const Description &);
Description from_json(const std::string &); // throws std::runtime_error

std::string kernels_to_json(const std::vector<KernelAbout> &);
std::vector<KernelAbout> kernels_from_json(const std::string &);

} // namespace nnc::runtime
