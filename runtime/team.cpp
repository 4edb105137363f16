#include "runtime/team.h"

#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace nnc::runtime {
namespace {

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

/// About 20 microseconds, the time of a small kernel. Threads that share a core must not spin: the one waited for needs it.
int spins_for(int members) { return static_cast<unsigned>(members) <= std::thread::hardware_concurrency() ? 2000 : 0; }

} // namespace

Barrier::Barrier(int members) : members(static_cast<uint32_t>(members)), spins(spins_for(members)) {}

void Barrier::wait() {
  // The round cannot change before this thread arrives, so reading it first is no race. Each arrival releases what its thread
  // wrote; the last one has acquired them all and releases them to the others with the new round.
  uint32_t now = round.load(std::memory_order_relaxed);
  if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == members) {
    arrived.store(0, std::memory_order_relaxed);
    round.store(now + 1, std::memory_order_release);
    round.notify_all();
    return;
  }
  for (int i = 0; i < spins; i++) {
    if (round.load(std::memory_order_acquire) != now) return;
    pause();
  }
  round.wait(now, std::memory_order_acquire);
}

Team::Team(int threads, int64_t stack) : threads(threads), job(threads), within(threads) {
  auto tell = [this](Start how) { start = how, start.notify_all(); };
  workers.reserve(static_cast<size_t>(threads - 1));
  try {
    for (int thread = 1; thread < threads; thread++) workers.emplace_back(stack, [this, thread] { work(thread); });
  } catch (...) {
    tell(Start::failed);
    throw;
  }
  tell(Start::all);
}

Team::~Team() {
  if (workers.empty()) return;
  entry = nullptr;
  job.wait();
}

void Team::run(nnc_entry to_run, nnc_call &with) {
  with.team = this;
  if (threads == 1) return to_run(&with, 0, 1);
  entry = to_run;
  call = &with;
  job.wait();
  entry(call, 0, threads);
  job.wait();
}

void Team::work(int thread) {
  start.wait(Start::none);
  if (start == Start::failed) return;
  for (;;) {
    job.wait();
    if (!entry) return;
    entry(call, thread, threads);
    job.wait();
  }
}

} // namespace nnc::runtime

extern "C" void nnc_barrier(void *team) { static_cast<nnc::runtime::Team *>(team)->within.wait(); }
