// The edit distance behind "did you mean".

#include "source/diagnostics.h"

#include <algorithm>
#include <array>

namespace nnc {
namespace {

constexpr size_t longest = 64; // names beyond this are not compared

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Optimal string alignment: insertions, deletions, substitutions and transpositions of neighbours cost one each (Damerau 1964,
/// in its restricted form); upper and lower case count as equal. Both names have at most `longest` bytes.
size_t distance(std::string_view a, std::string_view b) {
  std::array<std::array<size_t, longest + 1>, 3> rows;
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    auto &row = rows[i % 3], &above = rows[(i + 2) % 3], &above2 = rows[(i + 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({row[j - 1] + 1, above[j] + 1, above[j - 1] + (same ? 0 : 1)});
      bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], above2[j - 2] + 1);
    }
  }
  return rows[a.size() % 3][b.size()];
}

} // namespace

std::string nearest_name(std::string_view name, const std::vector<std::string> &candidates) {
  if (name.empty() || name.size() > longest) return "";
  size_t best = name.size() <= 2 ? 1 : 1 + name.size() / 4; // one slip in short names, more in long ones
  std::string nearest;
  for (const std::string &candidate : candidates) {
    size_t difference = std::max(name.size(), candidate.size()) - std::min(name.size(), candidate.size());
    if (candidate.size() > longest || candidate == name || difference > best) continue;
    size_t found = distance(name, candidate);
    // Two names without a letter in common are not near, however short.
    if (found >= std::max(name.size(), candidate.size()) || found > best || (found == best && !nearest.empty())) continue;
    best = found;
    nearest = candidate;
  }
  return nearest;
}

} // namespace nnc
