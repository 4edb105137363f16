#pragma once
// What the machine can do, so that every figure of a benchmark can be read as a share of it. Both give the best of several repetitions.

namespace nnc::bench {

/// GFLOP/s of independent fused multiply-adds on f32 vectors held in registers, about 0.1 s a repetition: on the machine's widest vectors, or those of
/// `vector_bytes` (16, 32, 64) as code for an older processor has.
double fma_gflops(int threads, int repetitions = 5, int vector_bytes = 0);

/// GB/s of a[i] = b[i] + s * c[i] on arrays far larger than the caches (McCalpin's STREAM; 12 bytes an element, the read of a's line before it is
/// written not counted).
double triad_gbytes(int threads, int repetitions = 6);

} // namespace nnc::bench
