#include "runtime/peak.h"

#include <algorithm>
#include <chrono>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace nnc::runtime {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

constexpr int64_t turns = 1'000'000;
constexpr int rounds = 5;
constexpr int64_t array_elements = int64_t(12) << 20; // of f32: 48 MiB each of three

volatile float sink; // so that nothing measured is left out

// `chains` independent multiply-adds each turn: they hide a latency of 4 cycles on two units. Each gives its operations on f32.
#if defined(__x86_64__)
__attribute__((target("avx512f"))) double multiply_add_512() {
  constexpr int chains = 24;
  __m512 sums[chains], factor = _mm512_set1_ps(0.999f), term = _mm512_set1_ps(0.001f);
  for (__m512 &sum : sums) sum = term;
  for (int64_t turn = 0; turn < turns; turn++)
#pragma GCC unroll 24
    for (__m512 &sum : sums) sum = _mm512_fmadd_ps(sum, factor, term);
  for (__m512 &sum : sums) sink = _mm512_cvtss_f32(sum);
  return 2.0 * 16 * chains * turns;
}

__attribute__((target("avx2,fma"))) double multiply_add_256() {
  constexpr int chains = 12;
  __m256 sums[chains], factor = _mm256_set1_ps(0.999f), term = _mm256_set1_ps(0.001f);
  for (__m256 &sum : sums) sum = term;
  for (int64_t turn = 0; turn < turns; turn++)
#pragma GCC unroll 12
    for (__m256 &sum : sums) sum = _mm256_fmadd_ps(sum, factor, term);
  for (__m256 &sum : sums) sink = _mm256_cvtss_f32(sum);
  return 2.0 * 8 * chains * turns;
}

double multiply_add_128() {
  constexpr int chains = 12;
  __m128 sums[chains], factor = _mm_set1_ps(0.999f), term = _mm_set1_ps(0.001f);
  for (__m128 &sum : sums) sum = term;
  for (int64_t turn = 0; turn < turns; turn++)
#pragma GCC unroll 12
    for (__m128 &sum : sums) sum = _mm_add_ps(_mm_mul_ps(sum, factor), term);
  for (__m128 &sum : sums) sink = _mm_cvtss_f32(sum);
  return 2.0 * 4 * chains * turns;
}

double multiply_add() {
  if (__builtin_cpu_supports("avx512f")) return multiply_add_512();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return multiply_add_256();
  return multiply_add_128();
}

__attribute__((target_clones("avx512f", "avx2", "default"))) void triad(float *a, const float *b, const float *c, int64_t count) {
#pragma GCC ivdep
  for (int64_t i = 0; i < count; i++) a[i] = b[i] + 0.5f * c[i];
}
#else
double multiply_add() {
  constexpr int chains = 32;
  float sums[chains] = {};
  for (int64_t turn = 0; turn < turns; turn++)
#pragma GCC unroll 32
    for (float &sum : sums) sum = sum * 0.999f + 0.001f;
  for (float sum : sums) sink = sum;
  return 2.0 * chains * turns;
}

void triad(float *a, const float *b, const float *c, int64_t count) {
#pragma GCC ivdep
  for (int64_t i = 0; i < count; i++) a[i] = b[i] + 0.5f * c[i];
}
#endif

// Entries, as a team runs them.

void fill(nnc_call *call, int thread, int threads) {
  auto *a = reinterpret_cast<float *>(call->state);
  std::fill(a + 3 * array_elements / threads * thread, a + 3 * array_elements / threads * (thread + 1), 1.0f);
}

void run_triad(nnc_call *call, int thread, int threads) {
  auto *a = reinterpret_cast<float *>(call->state);
  const int64_t count = array_elements / threads, first = count * thread;
  triad(a + first, a + array_elements + first, a + 2 * array_elements + first, count);
}

void run_multiply_add(nnc_call *call, int thread, int) {
  const double operations = multiply_add();
  if (thread == 0) call->total_steps = static_cast<int64_t>(operations);
}

template <class Body> double least_seconds(Body &&body) {
  double best = 1e30;
  for (int round = 0; round < rounds; round++) {
    const auto start = Clock::now();
    body();
    best = std::min(best, seconds_since(start));
  }
  return best;
}

} // namespace

Peak measure_peak(Model &model) {
  Peak peak;
  const Memory memory(3 * array_elements * int64_t{sizeof(float)}, "measuring the machine");
  nnc_call call{};
  call.state = memory.data();
  model.run(fill, call);
  const double copied = 3.0 * sizeof(float) * static_cast<double>(array_elements / model.threads() * model.threads());
  peak.bytes_per_second = copied / least_seconds([&] { model.run(run_triad, call); });
  const double seconds = least_seconds([&] { model.run(run_multiply_add, call); });
  const double share = model.about.real == "f64" ? 0.5 : 1; // half as many fit a vector
  peak.operations_per_second = share * static_cast<double>(call.total_steps) * model.threads() / seconds;
  return peak;
}

} // namespace nnc::runtime
