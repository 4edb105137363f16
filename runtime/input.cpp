#include "runtime/input.h"

#include "runtime/error.h"

#include <algorithm>
#include <vector>

namespace nnc::runtime {

void Input::skip(int64_t bytes) {
  constexpr int64_t block = 1 << 16;
  std::vector<char> passed(static_cast<size_t>(std::min(bytes, block)));
  for (int64_t left = bytes; left > 0;) {
    size_t wanted = static_cast<size_t>(std::min(left, block)), got = read(passed.data(), wanted);
    if (got < wanted) fail("{}: the file is cut off", path);
    left -= static_cast<int64_t>(got);
  }
}

} // namespace nnc::runtime
