// Compiled with -O3 -march=native.
#include "peaks.h"

#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

namespace nnc::bench {
namespace {

#if defined(__AVX512F__)
using Vector = __m512;
Vector fma_of(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
Vector splat(float x) { return _mm512_set1_ps(x); }
float first(Vector v) { return _mm512_cvtss_f32(v); }
constexpr int accumulators = 24, lanes = 16; // 24 chains hide a latency of 4 cycles on two or three units
#else
using Vector = __m256;
Vector fma_of(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
Vector splat(float x) { return _mm256_set1_ps(x); }
float first(Vector v) { return _mm256_cvtss_f32(v); }
constexpr int accumulators = 12, lanes = 8;
#endif

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

volatile float sink;

void multiply_add(long turns) {
  Vector sums[accumulators];
  for (int i = 0; i < accumulators; ++i) sums[i] = splat(1.0f + 0.01f * float(i));
  const Vector factor = splat(0.999f), term = splat(0.001f);
  for (long turn = 0; turn < turns; ++turn)
#pragma GCC unroll 24
    for (int i = 0; i < accumulators; ++i) sums[i] = fma_of(sums[i], factor, term);
  float total = 0;
  for (Vector sum : sums) total += first(sum);
  sink = total;
}

/// Seconds that `work(thread)` takes on all threads together.
double timed(int threads, const std::function<void(int)> &work) {
  const double start = now();
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
  work(0);
  for (std::thread &other : others) other.join();
  return now() - start;
}

} // namespace

double fma_gflops(int threads, int repetitions) {
  const long turns = 20'000'000;
  double best = 0;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    const double seconds = timed(threads, [&](int) { multiply_add(turns); });
    best = std::max(best, 2.0 * lanes * accumulators * double(turns) * threads / seconds * 1e-9);
  }
  return best;
}

double triad_gbytes(int threads, int repetitions) {
  const size_t elements = size_t(32) << 20; // 128 MiB an array
  std::vector<float> a(elements, 1.0f), b(elements, 2.0f), c(elements, 3.0f);
  double best = 0;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    const double seconds = timed(threads, [&](int thread) {
      const size_t from = elements * size_t(thread) / size_t(threads), to = elements * size_t(thread + 1) / size_t(threads);
      float *__restrict out = a.data();
      const float *left = b.data(), *right = c.data();
#pragma GCC ivdep
      for (size_t i = from; i < to; ++i) out[i] = left[i] + 0.5f * right[i];
    });
    best = std::max(best, 12.0 * double(elements) / seconds * 1e-9);
    sink = a[size_t(repetition)];
  }
  return best;
}

} // namespace nnc::bench
