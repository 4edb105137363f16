// The optimisations in their order, and the one wrapper that runs them.

#include "passes/pass.h"
#include "passes/passes.h"

#include "ir/functions.h"
#include "ir/verify.h"

#include <chrono>
#include <fmt/format.h>

namespace nnc::passes {

static constexpr Pass order[] = {
    {"loops", "what a turn does not need of those before it leaves its loop; first, so that the rest sees what has left", loops},
    {"simplify", "identities of arithmetic and views; work that is the same along an axis is done once", simplify},
    {"fold", "operations on constants", fold},
    {"cse", "equal operations on equal operands become one; before contract, so that shared factors are seen as one", cse},
    {"contract", "sums of products become contractions", contract},
    // contract leaves transposes and broadcasts, simplify brings transposes next to dots, dots takes them in.
    {"simplify-contracted", "identities that contractions left", simplify},
    {"dots", "transposes around contractions become their attributes", dots},
    {"sums", "sums made of other sums, and in the order of memory; behind contract, which leaves those that no product takes",
     sums},
    {"fold-contracted", "constants that contractions left", fold},
    {"cse-contracted", "equal operations that contractions left", cse},
    {"dce", "what no output needs goes", dce},
};

std::span<const Pass> optimizations() { return order; }

/// The pass over the function, then over those that its operations run.
static ir::Function run_pass(const Pass &pass, ir::Function function) {
  ir::Function result = pass.run(std::move(function));
  ir::change_bodies(result, [&](const ir::Function &body) { return run_pass(pass, body); });
  return result;
}

ir::Function optimize(ir::Function function, const RunOptions &options) {
  for (const Pass &pass : order) {
    auto start = std::chrono::steady_clock::now();
    function = run_pass(pass, std::move(function));
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (options.timed) options.timed(pass, took.count());
    if (options.printed && options.print_after == pass.name) options.printed(pass, function);
    if (std::string error = ir::verify(function); !error.empty())
      throw ir::InternalError(fmt::format("after pass '{}': {}", pass.name, error));
  }
  return function;
}

} // namespace nnc::passes
