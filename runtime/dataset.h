#pragma once
// The rows of all sources in memory, and that they fit together.

#include "runtime/rows.h"

#include <map>

namespace nnc::runtime {

class Dataset {
public:
  /// Reads the sources of which `needed` is true; in place of the others stand zeros that are never read from a file.
  /// `paths` are the `--data NAME=PATH`. Throws Error where a file is at fault, and where the sources of one clause differ
  /// in their numbers of rows.
  Dataset(const Description &, const std::map<std::string, std::string> &paths, const std::vector<bool> &needed);

  /// Takes rows from elsewhere in place of sources; the rest are zeros. `given` is by source; those with count 0 are not given. Windows are
  /// rows of a whole sequence (windows_of) or one by one.
  Dataset(const Description &, std::vector<Rows> given, int64_t count);

  const std::vector<Rows> &sources() const { return rows; }
  const void *const *pointers() const { return starts.data(); } // for nnc_call::sources
  int64_t count(int clause) const { return counts[static_cast<size_t>(clause)]; }
  /// What the number of an example is multiplied by in the row table. Compiled code finds windows one row of their file apart; where they are given
  /// one by one instead, all sources of the clause are laid out with room between their rows.
  int64_t spacing(int clause) const { return spacings[static_cast<size_t>(clause)]; }

private:
  void spread(const Description &);
  void fill_gaps(const Description &);

  std::vector<Rows> rows; // by source
  std::vector<const void *> starts;
  std::vector<int64_t> counts, spacings; // by data clause
};

/// Converts rows of one literal list. Throws Error.
Rows rows_of_list(const Source &);

} // namespace nnc::runtime
