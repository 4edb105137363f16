#pragma once
// Stacks that hold what compiled code keeps there, whatever limit the user has set.

#include <cstdint>
#include <functional>
#include <memory>
#include <pthread.h>

namespace nnc::runtime {

/// For the functions around the compiled code, and what its compiler spills.
constexpr int64_t spare_stack = 1 << 20;

/// A thread with `stack` bytes and the spare ones. It is joined when this ends. Throws Error where there is none to be had.
class Thread {
public:
  Thread(int64_t stack, std::function<void()> work);
  Thread(Thread &&) = default;
  ~Thread();

private:
  std::unique_ptr<std::function<void()>> work;
  pthread_t thread{};
};

/// Calls `work` on a stack with so many bytes and the spare ones: that of the main thread, which calls this, where its limit allows them; else of another.
/// What `work` throws comes through.
void with_stack(int64_t bytes, const std::function<void()> &work);

} // namespace nnc::runtime
