#pragma once
// `predict`: the values of the `predict` clauses for each example, to a file or standard output.

#include "runtime/dataset.h"
#include "runtime/model.h"
#include "runtime/options.h"

namespace nnc::runtime {

/// The values of every prediction, `count` × its shape, in its stored type.
struct Predictions {
  int64_t count = 0;
  std::vector<Memory> values;
};

/// Computes them for the rows of `--in`, or the data block's; with parameters that are already loaded. Throws Error.
Predictions predict(Model &, const Options &);

/// Writes csv, npy or safetensors by the ending of `path`; csv to standard output where it is empty or `-`. Throws Error.
void write_predictions(const Description &, const Predictions &, const std::string &path);

/// Throws Error where `path` has no such ending, or the predictions have no place in the format.
void check_prediction_format(const Description &, const std::string &path);

/// Inputs for the predictions from a csv, npy or safetensors file, by its ending.
Dataset read_inputs(const Description &, const std::string &path);

/// Which sources the predictions need.
std::vector<bool> needed_sources(const Description &);

} // namespace nnc::runtime
