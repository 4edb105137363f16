// Threads that meet.

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
