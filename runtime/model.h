#pragma once
// A compiled module with its state block, arena and team: what every command calls.

#include "runtime/dataset.h"
#include "runtime/module.h"
#include "runtime/team.h"

#include <map>

namespace nnc::runtime {

/// a + b·B + c·B² for B = `batch`; throws Error where that does not fit.
int64_t arena_bytes(const Bytes &, int64_t batch);

class Model {
public:
  /// Throws std::runtime_error where the description cannot be read.
  Model(const nnc_module &, int threads);

  const Description about;
  std::vector<double> settings; // in the description's order
  uint64_t seed = 0;

  /// Makes the arena large enough for `batch` examples in the entry with these bytes, so that running allocates nothing.
  void prepare(const Bytes &arena, int64_t batch);

  /// What trains on mini-batches of at most that many examples, and the JSON of its kernels.
  nnc_entry train(int64_t batch) const { return has_one(batch) ? module.train_one : module.train; }
  const std::string &train_kernels(int64_t batch) const { return has_one(batch) ? about.kernels_one : about.kernels; }

  /// A call with state, arena, settings and seed filled in; outputs, rows and the rest are the caller's.
  nnc_call call() const;
  /// Runs the entry on the team, or on this thread alone where the entry has said that it has no work for more at this batch.
  void run(nnc_entry entry, nnc_call &call);

  /// Parameters, states and optimizer states from `seed`.
  void initialise();

  unsigned char *tensor(const Tensor &tensor) const { return state.data() + tensor.offset; }
  int64_t parameters() const; // their number of elements
  int threads() const { return team.size(); }
  /// On how many threads `run` runs: all, or this one alone.
  void use_threads(int count) { is_single = count == 1; }

  const nnc_module &module;

private:
  bool has_one(int64_t batch) const { return batch == 1 && module.train_one; }

  Memory state, arena;
  Team team;
  bool is_single = false;
  std::map<std::pair<nnc_entry, int64_t>, bool> alone; // by entry and batch: what nnc_call::alone said
};

} // namespace nnc::runtime
