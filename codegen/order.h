#pragma once
// Orders of things that come after others: groups of nodes, kernels.

#include <functional>
#include <queue>
#include <vector>

namespace nnc::codegen {

/// Whether `later` comes after `earlier`, directly or through others. `after(i)`: the numbers, of `count`, that i comes directly after.
template <typename After> bool comes_after(size_t count, int later, int earlier, After &&after) {
  std::vector<bool> seen(count, false);
  std::vector<int> work = {later};
  while (!work.empty()) {
    const int number = work.back();
    work.pop_back();
    if (number == earlier) return true;
    if (seen[number]) continue;
    seen[number] = true;
    work.insert(work.end(), after(number).begin(), after(number).end());
  }
  return false;
}

/// All of `count` in order: of those that are ready always the one of the least number. Fewer where some come after each other in a circle. O(e log n).
template <typename After> std::vector<int> in_order(size_t count, After &&after) {
  std::vector<std::vector<int>> later(count);
  std::vector<size_t> waits_for(count);
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (size_t number = 0; number < count; ++number) {
    const auto &before = after(static_cast<int>(number));
    for (int earlier : before) later[earlier].push_back(static_cast<int>(number));
    waits_for[number] = before.size();
    if (before.empty()) ready.push(static_cast<int>(number));
  }
  std::vector<int> result;
  while (!ready.empty()) {
    const int number = ready.top();
    ready.pop();
    result.push_back(number);
    for (int next : later[number])
      if (--waits_for[next] == 0) ready.push(next);
  }
  return result;
}

} // namespace nnc::codegen
