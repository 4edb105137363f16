#pragma once
// A team of threads that live as long as the program and run one entry of the compiled module together.

#include "runtime/module.h"
#include "runtime/stack.h"

#include <atomic>
#include <vector>

namespace nnc::runtime {

/// Returns when all of `members` threads have called `wait`; everything written before is seen after. Waiting spins briefly
/// and then sleeps in the kernel.
class Barrier {
public:
  explicit Barrier(int members);
  void wait();

private:
  const uint32_t members;
  const int spins;
  alignas(64) std::atomic<uint32_t> arrived = 0;
  alignas(64) std::atomic<uint32_t> round = 0;
};

/// The caller is thread 0, the others wait at a barrier for their next entry. With one thread `run` is a plain call.
class Team {
public:
  /// `stack`: bytes that the entries keep on each thread's. Throws Error where there are not so many threads.
  explicit Team(int threads, int64_t stack = 7 << 20);
  Team(const Team &) = delete;
  Team &operator=(const Team &) = delete;
  ~Team();

  /// Runs `entry(&call, thread, threads)` on every thread and returns when all have finished. Sets call.team.
  void run(nnc_entry entry, nnc_call &call);
  int size() const { return threads; }

private:
  enum class Start { none, all, failed };
  void work(int thread);

  const int threads;
  Barrier job;               // between calls: the start and the end of each
  Barrier within;            // nnc_barrier's
  nnc_entry entry = nullptr; // null: end
  nnc_call *call = nullptr;
  std::atomic<Start> start = Start::none; // all are there, or one is not
  std::vector<Thread> workers;

  friend void ::nnc_barrier(void *);
};

} // namespace nnc::runtime
