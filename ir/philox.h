#pragma once
// The random numbers of a draw: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3",
// SC 2011). This header is the specification; generated code must give the same bits.

#include <array>
#include <cstdint>

namespace nnc::ir {

/// The finalizer of splitmix64 (Steele, Lea, Flood, 2014): a bijection of 64 bits.
constexpr uint64_t mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/// The key of a draw: low and high half are Philox's two key words.
constexpr uint64_t draw_key(uint32_t seed_low, uint32_t seed_high, uint64_t path) {
  return mix64(((uint64_t{seed_high} << 32) | seed_low) ^ path);
}

constexpr int philox_rounds = 10;
constexpr std::array<uint32_t, 2> philox_multipliers = {0xD2511F53u, 0xCD9E8D57u}; // of counter words 0 and 2
constexpr std::array<uint32_t, 2> philox_weyl = {0x9E3779B9u, 0xBB67AE85u};        // added to the key words between rounds

/// Four words from the counter (step, row, turn, position).
constexpr std::array<uint32_t, 4> philox(std::array<uint32_t, 4> c, uint64_t key) {
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < philox_rounds; ++round) {
    uint64_t p0 = uint64_t{philox_multipliers[0]} * c[0], p1 = uint64_t{philox_multipliers[1]} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(p1), static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1,
         static_cast<uint32_t>(p0)};
    k0 += philox_weyl[0], k1 += philox_weyl[1];
  }
  return c;
}

} // namespace nnc::ir
