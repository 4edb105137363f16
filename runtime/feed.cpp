#include "runtime/feed.h"

#include "runtime/random.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>

namespace nnc::runtime {
namespace {

/// Exchanges, done in the order in which they are told, some at a time: draws need not wait for each other, but they would wait for a row that may have
/// been exchanged just before.
class Exchanges {
public:
  ~Exchanges() { make(); }

  void add(int32_t *one, int32_t *other) {
    pairs[count++] = {one, other};
    if (count == pairs.size()) make();
  }

private:
  void make() {
    for (size_t i = 0; i < count; i++) std::swap(*pairs[i].first, *pairs[i].second);
    count = 0;
  }

  std::array<std::pair<int32_t *, int32_t *>, 128> pairs;
  size_t count = 0;
};

/// Fisher and Yates, from the end. The draws are its own, so that they are in registers.
void permute(std::span<int32_t> rows, uint64_t seed, Purpose purpose, uint32_t clause, uint32_t lap, Exchanges &exchanges) {
  Draws draws(seed, purpose, clause, lap);
  for (size_t left = rows.size(); left > 1; left--)
    exchanges.add(&rows[left - 1], &rows[draws.below(static_cast<uint32_t>(left))]);
}

} // namespace

Split split_rows(int64_t rows, double share, uint64_t seed) {
  std::vector<int32_t> order(static_cast<size_t>(rows));
  std::iota(order.begin(), order.end(), 0);
  if (share <= 0 || rows < 2) return {order, {}};
  auto held_out = std::clamp<int64_t>(std::llround(share * static_cast<double>(rows)), 1, rows - 1);
  {
    Exchanges exchanges;
    permute(order, seed, Purpose::split, 0, 0, exchanges);
  }
  auto border = order.begin() + held_out;
  Split split{{border, order.end()}, {order.begin(), border}};
  std::sort(split.training.begin(), split.training.end());
  std::sort(split.validation.begin(), split.validation.end());
  return split;
}

std::optional<Split> split_windows(int64_t rows, int64_t window, double share) {
  const int64_t length = rows + window - 1;
  if (length < 2 * window) return std::nullopt;
  auto held_out = std::clamp<int64_t>(std::llround(share * static_cast<double>(length)), window, length - window);
  const int64_t cut = length - held_out;
  Split split{std::vector<int32_t>(static_cast<size_t>(cut - window + 1)), std::vector<int32_t>(static_cast<size_t>(rows - cut))};
  std::iota(split.training.begin(), split.training.end(), 0);
  std::iota(split.validation.begin(), split.validation.end(), static_cast<int32_t>(cut));
  return split;
}

Feed::Feed(std::span<const int32_t> rows, bool shuffle, uint64_t seed, int clause)
    : rows(rows), shuffle(shuffle), seed(seed), clause(clause) {}

const int32_t *Feed::lap(int64_t number) {
  if (!shuffle) return rows.data();
  if (number != current) {
    order.resize(rows.size());
    laps(number, 1, order.data());
    current = number;
  }
  return order.data();
}

void Feed::laps(int64_t first, int64_t count, int32_t *to) const {
  Exchanges exchanges;
  for (int64_t lap = first; lap < first + count; lap++, to += size()) {
    std::copy(rows.begin(), rows.end(), to);
    if (shuffle)
      permute({to, rows.size()}, seed, Purpose::shuffle, static_cast<uint32_t>(clause), static_cast<uint32_t>(lap), exchanges);
  }
}

void Feed::draw(int32_t *to, int64_t count) {
  while (count > 0) {
    int64_t at = drawn % size(), part = std::min(count, size() - at);
    std::copy_n(lap(drawn / size()) + at, part, to);
    to += part, count -= part, drawn += part;
  }
}

} // namespace nnc::runtime
