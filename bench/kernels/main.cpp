// nnc_bench [--threads=N] [--cpu=CPU] [Google Benchmark's options]: kernels that nnc makes of functions in the language (cases.cpp), a call of an entry and a
// training step with next to nothing in them, and a barrier. Figures beside the time: GFLOP/s or GB/s, and their share of what peaks.cpp measures just before, of
// the FMA peak that vectors of that CPU have. nnc_bench --kernels=NAME prints the kernels of one.

#include "codegen/target.h"
#include "kernels/cases.h"
#include "kernels/compiled.h"
#include "kernels/steps.h"
#include "peaks.h"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

namespace nnc::bench {
namespace {

using benchmark::Counter;

Counter rate(double amount) { return Counter(amount, Counter::kIsIterationInvariantRate); }

void measure(benchmark::State &state, const Case &what, const codegen::Target &target, int threads) try {
  Compiled compiled(what, target, threads);
  const int vector_bytes = codegen::processor(target).vector_bytes;
  const double fma = what.operations > 0 ? fma_gflops(threads, 1, vector_bytes) : 0,
               triad = what.bytes > 0 ? triad_gbytes(threads, 2) : 0;
  compiled.run();
  for (auto _ : state) compiled.run();
  if (fma > 0) {
    state.counters["GFLOP/s"] = rate(what.operations * 1e-9);
    state.counters["%FMA"] = rate(what.operations * 1e-7 / fma);
  }
  if (triad > 0) {
    state.counters["GB/s"] = rate(what.bytes * 1e-9);
    state.counters["%triad"] = rate(what.bytes * 1e-7 / triad);
  }
} catch (const std::exception &error) {
  state.SkipWithError(error.what());
}

constexpr int barriers = 1000;

void meet(nnc_call *call, int, int) {
  for (int i = 0; i < barriers; ++i) nnc_barrier(call->team);
}

/// The time is that of one of them.
void measure_barrier(benchmark::State &state, int threads) {
  runtime::Team team(threads);
  nnc_call call{};
  team.run(meet, call);
  while (state.KeepRunningBatch(barriers)) team.run(meet, call);
}

constexpr int64_t steps = 10000;

/// A step with one parameter and no data, within a run of many.
void measure_step(benchmark::State &state, int threads) try {
  Steps compiled("model Nothing {\n  param p: real = 1\n  fn () -> real = p\n}\n"
                 "train {\n  net = Nothing()\n  minimize net()^2\n  using sgd(rate = 0.1)\n  batch 1\n  steps 1\n}\n",
                 steps, threads);
  compiled.run();
  while (state.KeepRunningBatch(steps)) compiled.run();
} catch (const std::exception &error) {
  state.SkipWithError(error.what());
}

/// Takes `name`, `--threads=`, and its value out of the arguments.
std::string option(const std::string &name, std::string value, int &count, char **arguments) {
  int kept = 1;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument.starts_with(name))
      value = argument.substr(name.size());
    else
      arguments[kept++] = arguments[i];
  }
  count = kept;
  return value;
}

} // namespace
} // namespace nnc::bench

int main(int count, char **arguments) {
  using namespace nnc::bench;
  const int threads = std::max(1, std::atoi(option("--threads=", "1", count, arguments).c_str()));
  nnc::codegen::Target target;
  target.cpu = option("--cpu=", "native", count, arguments);
  const std::string printed = option("--kernels=", "", count, arguments);
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
  for (const Case &what : cases())
    if (what.name == printed) {
      Compiled(what, target, threads, [](const std::string &kernels) { std::cout << kernels; });
      return 0;
    }
  for (const Case &what : cases())
    benchmark::RegisterBenchmark(what.name.c_str(), [=](benchmark::State &state) {
      measure(state, what, target, threads);
    })->UseRealTime();
  benchmark::RegisterBenchmark("step/1", [=](benchmark::State &state) { measure_step(state, threads); })->UseRealTime();
  if (threads > 1)
    benchmark::RegisterBenchmark("barrier/1", [=](benchmark::State &state) { measure_barrier(state, threads); })->UseRealTime();
  benchmark::RunSpecifiedBenchmarks();
}
