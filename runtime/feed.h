#pragma once
// Which rows a step reads: the held-out share, the order of an epoch, and the rounds of the data clauses behind the first.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace nnc::runtime {

struct Split {
  std::vector<int32_t> training, validation; // ascending
};

/// Holds out `share` of the rows (rounded to the nearest number, at least one left for each where the share is not 0 and
/// there are two rows), chosen by a shuffle that depends on the seed alone.
Split split_rows(int64_t rows, double share, uint64_t seed);

/// Of `rows` windows over a sequence: holds out those within the last `share` of it. Those across the cut are in neither. Nothing where the
/// sequence is too short for a window on either side.
std::optional<Split> split_windows(int64_t rows, int64_t window, double share);

/// The rows of one data clause in the order in which they are drawn. A lap is one pass over all of them, in an order that is a
/// function of (seed, clause, lap).
class Feed {
public:
  /// `rows` are the caller's.
  Feed(std::span<const int32_t> rows, bool shuffle, uint64_t seed, int clause);

  int64_t size() const { return static_cast<int64_t>(rows.size()); }

  /// The order of this lap, until the next call.
  const int32_t *lap(int64_t number);

  /// The orders of `count` laps from `first` on, one behind the other.
  void laps(int64_t first, int64_t count, int32_t *to) const;

  /// The next `count` rows in the lap after lap, from where the call before ended. For clauses that go round.
  void draw(int32_t *to, int64_t count);

private:
  const std::span<const int32_t> rows;
  const bool shuffle;
  const uint64_t seed;
  const int clause;
  std::vector<int32_t> order;
  int64_t current = -1; // the lap that `order` holds
  int64_t drawn = 0;    // by `draw`, in all
};

} // namespace nnc::runtime
