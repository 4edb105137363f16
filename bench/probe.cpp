// probe fma THREADS: GFLOP/s; probe triad THREADS: GB/s (see peaks.h). Prints one number.
#include "peaks.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int count, char **arguments) {
  if (count != 3) return std::fprintf(stderr, "usage: probe fma|triad THREADS\n"), 2;
  const int threads = std::max(1, std::atoi(arguments[2]));
  const bool fma = std::strcmp(arguments[1], "fma") == 0;
  std::printf("%.1f\n", fma ? nnc::bench::fma_gflops(threads) : nnc::bench::triad_gbytes(threads));
}
