// Which rows are drawn: a function of the seed.

#include "runtime/feed.h"
#include "runtime/random.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>

using namespace nnc::runtime;

TEST_CASE("Philox 4x32-10 gives the vectors of its authors") { // Random123, kat_vectors
  using Four = std::array<uint32_t, 4>;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("the held-out share depends on the seed alone and leaves something for both") {
  Split split = split_rows(1797, 0.2, 1);
  CHECK(split.validation.size() == 359);
  CHECK(split.training.size() == 1438);
  std::vector<int32_t> all = split.training;
  all.insert(all.end(), split.validation.begin(), split.validation.end());
  std::sort(all.begin(), all.end());
  std::vector<int32_t> expected(1797);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(all == expected);
  CHECK(split_rows(1797, 0.2, 1).validation == split.validation);
  CHECK(split_rows(1797, 0.2, 2).validation != split.validation);
  CHECK(split_rows(3, 0.01, 1).validation.size() == 1);
  CHECK(split_rows(3, 0.99, 1).training.size() == 1);
  CHECK(split_rows(1, 0.5, 1).validation.empty());
  CHECK(split_rows(5, 0, 1).training == std::vector<int32_t>{0, 1, 2, 3, 4});
}

TEST_CASE("of windows the last stretch is held out, and none lies across the cut") {
  auto split = split_windows(91, 10, 0.2); // a sequence of 100: cut at 80
  REQUIRE(split);
  CHECK(split->training.size() == 71);
  CHECK(split->training.front() == 0);
  CHECK(split->training.back() == 70); // the last one is 70 to 79
  CHECK(split->validation.size() == 11);
  CHECK(split->validation.front() == 80);
  CHECK(split->validation.back() == 90);
  CHECK(split_windows(91, 10, 0.001)->validation == std::vector<int32_t>{90}); // at least one on each side
  CHECK(split_windows(91, 10, 0.999)->training == std::vector<int32_t>{0});
  CHECK(split_windows(11, 10, 0.5)->training.size() == 1);
  CHECK_FALSE(split_windows(10, 10, 0.5)); // 19 are too few for two
}

TEST_CASE("each lap has its order, whatever was asked for before") {
  std::vector<int32_t> rows(100);
  std::iota(rows.begin(), rows.end(), 0);
  Feed a(rows, true, 7, 0), b(rows, true, 7, 0), other(rows, true, 7, 1), still(rows, false, 7, 0);
  auto lap = [](Feed &feed, int64_t number) { return std::vector<int32_t>(feed.lap(number), feed.lap(number) + 100); };
  auto third = lap(a, 3);
  lap(b, 0);
  CHECK(lap(b, 3) == third);
  CHECK(lap(a, 4) != third);
  CHECK(lap(other, 3) != third);
  CHECK(lap(still, 3) == rows);
  std::vector<int32_t> together(300);
  a.laps(2, 3, together.data());
  CHECK(std::equal(third.begin(), third.end(), together.begin() + 100));
  CHECK(std::equal(together.begin() + 200, together.end(), a.lap(4)));
  still.laps(0, 3, together.data());
  CHECK(std::equal(rows.begin(), rows.end(), together.begin() + 200));
  std::sort(third.begin(), third.end());
  CHECK(third == rows);
}

TEST_CASE("clauses behind the first go round, in any pieces") {
  std::vector<int32_t> rows = {10, 11, 12, 13, 14};
  Feed whole(rows, true, 7, 1), pieces(rows, true, 7, 1);
  std::vector<int32_t> a(23), b(23);
  whole.draw(a.data(), 23);
  for (int at = 0, size = 1; at < 23; at += size, size = std::min(size + 1, 23 - at))
    pieces.draw(b.data() + at, std::min(size, 23 - at));
  CHECK(a == b);
  for (int lap = 0; lap < 4; lap++) {
    std::sort(a.begin() + lap * 5, a.begin() + lap * 5 + 5);
    CHECK(std::equal(rows.begin(), rows.end(), a.begin() + lap * 5));
  }
}

TEST_CASE("draws below a limit are even") {
  Draws draws(1, Purpose::shuffle, 0, 0);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; i++) counts[draws.below(7)]++;
  for (int count : counts) CHECK(std::abs(count - 10000) < 500); // 5 standard deviations
}
