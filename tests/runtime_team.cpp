// Threads that meet.

#include "runtime/pace.h"
#include "runtime/team.h"

#include <atomic>
#include <catch2/catch.hpp>

using namespace nnc::runtime;

namespace {

constexpr int rounds = 500;

/// Every thread adds to its own place, all meet, and each reads the others' places of the round: wrong without the barrier.
void meet(nnc_call *call, int thread, int threads) {
  auto places = reinterpret_cast<int64_t *>(call->state);
  auto faults = reinterpret_cast<int64_t *>(call->arena);
  for (int round = 1; round <= rounds; round++) {
    places[thread] += 1;
    nnc_barrier(call->team);
    for (int other = 0; other < threads; other++) faults[thread] += places[other] % rounds != round % rounds;
    nnc_barrier(call->team);
  }
}

void count_call(nnc_call *call, int thread, int threads) { reinterpret_cast<int64_t *>(call->state)[thread] += threads; }

} // namespace

TEST_CASE("all threads of a team meet in each barrier") {
  for (int threads : {2, 3, 8}) {
    Team team(threads);
    std::vector<int64_t> places(8), faults(8);
    nnc_call call{};
    call.state = reinterpret_cast<unsigned char *>(places.data());
    call.arena = reinterpret_cast<unsigned char *>(faults.data());
    for (int run = 0; run < 3; run++) team.run(meet, call);
    CHECK(faults == std::vector<int64_t>(8));
    CHECK(places[static_cast<size_t>(threads - 1)] == 3 * rounds);
  }
}

TEST_CASE("a team runs each call once on every thread") {
  for (int threads : {1, 2, 5}) {
    Team team(threads);
    std::vector<int64_t> places(8);
    nnc_call call{};
    call.state = reinterpret_cast<unsigned char *>(places.data());
    for (int run = 0; run < 200; run++) team.run(count_call, call);
    for (int thread = 0; thread < 8; thread++)
      CHECK(places[static_cast<size_t>(thread)] == (thread < threads ? 200 * threads : 0));
  }
}

TEST_CASE("a run goes on one thread while all are slower, and on all again when they are not", "[team]") {
  Pace pace(2);
  double now = 0;
  auto run = [&](double seconds, double both, double one) {
    int on_one = 0, calls = 0;
    for (const double end = now + seconds; now < end; ++calls) {
      const int threads = pace.threads(now);
      const double step = threads == 1 ? one : both;
      const auto steps = static_cast<int64_t>(std::max(1.0, std::min(0.1, pace.most_seconds()) / step));
      now += step * static_cast<double>(steps);
      pace.tell(threads, step, steps, now);
      on_one += threads == 1;
    }
    return static_cast<double>(on_one) / calls;
  };
  CHECK(run(10, 1e-3, 2e-3) < 0.1);
  CHECK(run(10, 8e-3, 2e-3) > 0.8); // another process takes a core
  run(3, 1e-3, 2e-3);
  CHECK(run(10, 1e-3, 2e-3) < 0.1);
  Pace alone(1);
  CHECK(alone.threads(0) == 1);
}
