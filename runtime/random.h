#pragma once
// Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
// SC 2011). A draw is a function of key and counter alone, so a shuffle can be made again without the ones before it.

#include <array>
#include <cstdint>

namespace nnc::runtime {

inline std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
#pragma GCC unroll 10 // no branch to be mistaken, so that calls run side by side
  for (int round = 0; round < 10; round++) {
    uint64_t a = uint64_t(0xD2511F53) * counter[0], b = uint64_t(0xCD9E8D57) * counter[2];
    counter = {uint32_t(b >> 32) ^ counter[1] ^ key[0], uint32_t(b), uint32_t(a >> 32) ^ counter[3] ^ key[1], uint32_t(a)};
    key[0] += 0x9E3779B9, key[1] += 0xBB67AE85;
  }
  return counter;
}

/// What a stream of draws is for; streams of different purposes have nothing in common.
enum class Purpose : uint32_t { split = 1, shuffle = 2 };

/// The draws of (seed, purpose, a data clause, an epoch or lap).
class Draws {
public:
  Draws(uint64_t seed, Purpose purpose, uint32_t clause, uint32_t lap)
      : key{uint32_t(seed), uint32_t(seed >> 32)}, purpose(uint32_t(purpose)), clause(clause), lap(lap) {}

  uint32_t next() {
    if (taken % 4 == 0) words = philox({taken / 4, purpose, clause, lap}, key);
    return words[taken++ % 4];
  }

  /// Uniform in [0, limit), limit > 0, without bias (Lemire: "Fast random integer generation in an interval", 2019).
  uint32_t below(uint32_t limit) {
    uint64_t product = uint64_t(next()) * limit;
    if (uint32_t(product) < limit) {
      uint32_t floor = -limit % limit;
      while (uint32_t(product) < floor) product = uint64_t(next()) * limit;
    }
    return uint32_t(product >> 32);
  }

private:
  const std::array<uint32_t, 2> key;
  const uint32_t purpose, clause, lap;
  uint32_t taken = 0; // a shuffle takes about one a row, of which there are fewer than 2^31
  std::array<uint32_t, 4> words{};
};

} // namespace nnc::runtime
