#include "runtime/stack.h"

#include "runtime/error.h"

#include <cstring>
#include <exception>
#include <sys/resource.h>

namespace nnc::runtime {

static void *run(void *work) {
  (*static_cast<std::function<void()> *>(work))();
  return nullptr;
}

Thread::Thread(int64_t stack, std::function<void()> to_do) : work(std::make_unique<std::function<void()>>(std::move(to_do))) {
  constexpr int64_t page = 4096;
  const int64_t bytes = (stack + spare_stack + page - 1) / page * page;
  pthread_attr_t wanted;
  pthread_attr_init(&wanted);
  pthread_attr_setstacksize(&wanted, static_cast<size_t>(bytes));
  const int wrong = pthread_create(&thread, &wanted, run, work.get());
  pthread_attr_destroy(&wanted);
  if (wrong) fail("no memory: a thread with a stack of {} bytes ({})", bytes, std::strerror(wrong));
}

Thread::~Thread() {
  if (work) pthread_join(thread, nullptr);
}

void with_stack(int64_t bytes, const std::function<void()> &work) {
  rlimit limit{};
  getrlimit(RLIMIT_STACK, &limit);
  if (limit.rlim_cur == RLIM_INFINITY || static_cast<int64_t>(limit.rlim_cur) >= bytes + spare_stack) return work();
  std::exception_ptr thrown;
  Thread(bytes, [&] {
    try {
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
  });
  if (thrown) std::rethrow_exception(thrown);
}

} // namespace nnc::runtime
