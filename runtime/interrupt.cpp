#include "runtime/interrupt.h"

#include <atomic>

namespace nnc::runtime {
namespace {

constexpr int watched[2] = {SIGINT, SIGTERM};

std::atomic<int32_t> caught = 0; // the signal's number
static_assert(sizeof caught == sizeof(int32_t) && std::atomic<int32_t>::is_always_lock_free,
              "generated code reads it as int32_t");

void on_signal(int number) { caught.store(number, std::memory_order_relaxed); }

} // namespace

Interrupt::Interrupt() {
  caught = 0;
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < 2; i++) sigaction(watched[i], &action, &before[i]);
}

Interrupt::~Interrupt() {
  for (int i = 0; i < 2; i++) sigaction(watched[i], &before[i], nullptr);
}

const int32_t *Interrupt::flag() const { return reinterpret_cast<const int32_t *>(&caught); }
int Interrupt::signal() const { return caught.load(std::memory_order_relaxed); }

} // namespace nnc::runtime
