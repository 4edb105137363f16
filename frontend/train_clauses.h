#pragma once
// The clauses of a `train` block, sorted by what they say, with the declarations that they name; nothing is evaluated yet.

#include "frontend/elaborator.h"

#include <string>
#include <vector>

namespace nnc::frontend {

/// `data NAME [as ALIAS]`, or the block of `validate NAME`.
struct DataUse {
  const Data *block;
  const FileScope *file;
  std::string alias;
  Span span;
};

struct TrainClauses {
  const Train *train = nullptr;
  const FileScope *file = nullptr;
  std::vector<DataUse> data; // in the order of the text, then that of `validate NAME`
  int validate_data = -1;
  std::vector<const MinimizeClause *> minimize;
  std::vector<const UsingClause *> optimizers;
  std::vector<const FreezeClause *> freeze;
  std::vector<const LoadClause *> load;
  const ClipNormClause *clip_norm = nullptr;
  bool shuffle = true;
};

/// Sorts the clauses; those that stand twice or exclude each other, and names that are no data blocks, are reported.
TrainClauses sort_clauses(Elaborator &, const Train &, const FileScope &);

/// The name of each cost: `cost`, `cost2`, ….
std::string cost_name(size_t number);

} // namespace nnc::frontend
