#include "runtime/feed.h"

#include "runtime/random.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

namespace nnc::runtime {
namespace {

/// Fisher and Yates, from the end.
void permute(std::span<int32_t> rows, Draws draws) {
  for (size_t left = rows.size(); left > 1; left--) std::swap(rows[left - 1], rows[draws.below(static_cast<uint32_t>(left))]);
}

} // namespace

Split split_rows(int64_t rows, double share, uint64_t seed) {
  std::vector<int32_t> order(static_cast<size_t>(rows));
  std::iota(order.begin(), order.end(), 0);
  if (share <= 0 || rows < 2) return {order, {}};
  auto held_out = std::clamp<int64_t>(std::llround(share * static_cast<double>(rows)), 1, rows - 1);
  permute(order, Draws(seed, Purpose::split, 0, 0));
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
    order.assign(rows.begin(), rows.end()); // its memory is kept from lap to lap
    permute(order, Draws(seed, Purpose::shuffle, static_cast<uint32_t>(clause), static_cast<uint32_t>(number)));
    current = number;
  }
  return order.data();
}

void Feed::draw(int32_t *to, int64_t count) {
  while (count > 0) {
    int64_t at = drawn % size(), part = std::min(count, size() - at);
    std::copy_n(lap(drawn / size()) + at, part, to);
    to += part, count -= part, drawn += part;
  }
}

} // namespace nnc::runtime
