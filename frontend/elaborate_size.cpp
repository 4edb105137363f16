// How large a tensor may be. What exists in the mathematics alone may be as large as can be counted: what index notation names, as all products of a
// convolution, is seldom made. Whether what gets memory fits is judged when memory is planned (codegen/plan.h), but for what always has some.

#include "frontend/sizes.h"

#include "frontend/elaborator.h"
#include "frontend/limits.h"
#include "ir/functions.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;

double elements_of(const ir::Type &type) {
  double elements = 1;
  for (const ir::Extent &extent : type.dims) elements *= static_cast<double>(extent.count);
  for (const ir::Type &part : type.parts) elements = std::max(elements, elements_of(part));
  return elements;
}

double most_elements(const ir::Node &node) {
  double most = elements_of(node.type);
  if (const auto *body = ir::function_of(node.attributes)) {
    const auto *scan = std::get_if<ir::ScanAttributes>(&node.attributes);
    most = std::max(most, most_elements(**body) * (scan ? static_cast<double>(scan->turns) : 1));
  }
  return most;
}

double most_elements(const ir::Function &function) {
  double most = 0;
  for (const ir::Node &node : function.nodes) most = std::max(most, most_elements(node));
  return most;
}

std::string whole_number(double number) { return fmt::format("{:.0f}", number); }

bool Elaborator::size_ok(const std::vector<Dim> &dims, Span span, const Context &context) {
  int64_t elements = 1;
  bool fits = dims.size() <= max_rank;
  if (!fits) report(K::limit_exceeded, span, context, "axes of a tensor", dims.size(), max_rank);
  for (const Dim &dim : dims) {
    if (!fits || dim.value == 0) break;
    fits = dim.value <= max_extent;
    if (!fits) {
      report(K::limit_exceeded, span, context, fmt::format("elements along an axis of {}", to_string(Type{{}, dims})), dim.value,
             max_extent);
      break;
    }
    fits = !__builtin_mul_overflow(elements, dim.value, &elements) && elements <= max_elements;
    if (!fits) report(K::tensor_too_large, span, context, to_string(Type{{}, dims}), max_elements);
  }
  const auto examples = std::count_if(dims.begin(), dims.end(), [](const Dim &dim) { return dim.batch; });
  if (fits && examples > most_batch_axes) {
    report(K::batch_axes, span, context, to_string(Type{{}, dims}), most_batch_axes);
    return false;
  }
  return fits;
}

bool Elaborator::lifted_size_ok(const ir::Function &function, const std::vector<const LiftArgument *> &argument_of,
                                const std::vector<Dim> &axes, Span span, const Context &context) {
  // A node gets the axes of what it depends on; draws, which depend on their position, all.
  std::vector<std::vector<bool>> gets(function.nodes.size(), std::vector<bool>(axes.size(), false));
  for (size_t i = 0; i < function.inputs.size(); ++i) {
    std::vector<bool> &of_input = gets[static_cast<size_t>(function.inputs[i].node)];
    if (argument_of[i])
      of_input = argument_of[i]->has_axis;
    else if (function.inputs[i].kind == ir::InputKind::position)
      of_input.assign(axes.size(), true);
  }
  double largest = 0, drawn = 0, within = 0;
  std::vector<Dim> dims;
  for (size_t id = 0; id < function.nodes.size(); ++id) {
    const ir::Node &node = function.nodes[id];
    for (ir::NodeId operand : node.operands)
      for (size_t axis = 0; axis < axes.size(); ++axis)
        if (gets[static_cast<size_t>(operand)][axis]) gets[id][axis] = true;
    double times = 1;
    std::vector<Dim> lifted;
    for (size_t axis = 0; axis < axes.size(); ++axis) {
      if (!gets[id][axis]) continue;
      times *= static_cast<double>(axes[axis].value);
      lifted.push_back(axes[axis]);
    }
    const double elements = times * elements_of(node.type);
    within = std::max(within, times * most_elements(node));
    if (node.op == ir::Op::random_bits) drawn = std::max(drawn, elements);
    if (elements <= largest) continue;
    largest = elements;
    for (const ir::Extent &extent : node.type.dims) lifted.push_back({extent.count, nullptr});
    dims = std::move(lifted);
  }
  if (!size_ok(dims, span, context)) return false;
  if (within > max_elements)
    report(K::limit_exceeded, span, context, "elements of what is computed here", whole_number(within), max_elements);
  else if (drawn > max_drawn)
    report(K::limit_exceeded, span, context, "numbers of a draw", whole_number(drawn), max_drawn);
  return within <= max_elements && drawn <= max_drawn;
}

} // namespace nnc::frontend
