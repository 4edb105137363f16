#pragma once
// SIGINT and SIGTERM ask the running work to stop, so that what was reached can be saved.

#include <csignal>
#include <cstdint>

namespace nnc::runtime {

/// While one lives, the two signals set the flag instead of ending the program. One at a time.
class Interrupt {
public:
  Interrupt();
  Interrupt(const Interrupt &) = delete;
  Interrupt &operator=(const Interrupt &) = delete;
  ~Interrupt();

  const int32_t *flag() const; // for nnc_call::stop
  int signal() const;          // SIGINT or SIGTERM, or 0: none came

private:
  struct sigaction before[2];
};

} // namespace nnc::runtime
