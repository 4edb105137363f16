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

// Chains that hide a latency of 4 cycles on two or three units, as many as the registers hold.
struct Narrow {
  using Vector = __m128;
  static constexpr int chains = 12, lanes = 4;
  static Vector fma(Vector a, Vector b, Vector c) { return _mm_fmadd_ps(a, b, c); }
  static Vector splat(float x) { return _mm_set1_ps(x); }
  static float first(Vector v) { return _mm_cvtss_f32(v); }
};
struct Middle {
  using Vector = __m256;
  static constexpr int chains = 12, lanes = 8;
  static Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  static Vector splat(float x) { return _mm256_set1_ps(x); }
  static float first(Vector v) { return _mm256_cvtss_f32(v); }
};
#if defined(__AVX512F__)
struct Wide {
  using Vector = __m512;
  static constexpr int chains = 24, lanes = 16;
  static Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static Vector splat(float x) { return _mm512_set1_ps(x); }
  static float first(Vector v) { return _mm512_cvtss_f32(v); }
};
#else
using Wide = Middle;
#endif

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

volatile float sink;

template <typename V> void multiply_add(long turns) {
  typename V::Vector sums[V::chains];
  for (int i = 0; i < V::chains; ++i) sums[i] = V::splat(1.0f + 0.01f * float(i));
  const typename V::Vector factor = V::splat(0.999f), term = V::splat(0.001f);
  for (long turn = 0; turn < turns; ++turn)
#pragma GCC unroll 24
    for (int i = 0; i < V::chains; ++i) sums[i] = V::fma(sums[i], factor, term);
  float total = 0;
  for (typename V::Vector sum : sums) total += V::first(sum);
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

template <typename V> double gflops(int threads, int repetitions) {
  const long turns = 20'000'000;
  double best = 0;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    const double seconds = timed(threads, [&](int) { multiply_add<V>(turns); });
    best = std::max(best, 2.0 * V::lanes * V::chains * double(turns) * threads / seconds * 1e-9);
  }
  return best;
}

} // namespace

double fma_gflops(int threads, int repetitions, int vector_bytes) {
  switch (vector_bytes) {
  case 16: return gflops<Narrow>(threads, repetitions);
  case 32: return gflops<Middle>(threads, repetitions);
  default: return gflops<Wide>(threads, repetitions);
  }
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
