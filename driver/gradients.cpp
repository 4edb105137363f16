// `nnc check --gradients MODEL.nn`: every parameter's derivative of the cost against central differences, in f64 on real examples.

#include "driver/commands.h"
#include "driver/entries.h"
#include "driver/run_function.h"
#include "ir/functions.h"
#include "passes/differentiate.h"
#include "passes/examples.h"
#include "passes/lift.h"
#include "runtime/dataset.h"
#include "runtime/element.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <set>

namespace nnc::driver {
namespace {

using ir::Array;
using ir::NodeId;

constexpr int64_t most_examples = 8;
constexpr int64_t most_elements = 32; // of one parameter that are varied
constexpr double allowed = 1e-6;
// Slots of the arguments that stand for them. The step is the first of a training: at 0 a cost that sets in with `step` would be nothing.
constexpr int count_of_examples = -1;
constexpr int number_of_step = -2;

/// The graph of one cost over `examples` examples: inputs argument (sources, and what stop_gradient holds), tensors; the mean cost is
/// result 0.
struct CostGraph {
  ir::Function function;
  NodeId cost = ir::no_node;
  std::vector<NodeId> stopped; // nodes of stop_gradient
};

CostGraph cost_graph(const frontend::Program &program, int clause, int64_t examples) {
  std::vector<bool> lifted;
  for (const ir::Input &input : program.training.inputs)
    lifted.push_back(input.kind == ir::InputKind::source || input.kind == ir::InputKind::row);
  CostGraph graph;
  graph.function = passes::for_examples(
      passes::lift(program.training, lifted, {1, true}, {.mini_batch = true, .lift_all_outputs = false}), examples);
  ir::Builder builder(graph.function);
  for (const ir::Output &output : graph.function.outputs)
    if (output.kind == ir::OutputKind::cost && output.slot == clause) graph.cost = output.node;
  graph.function.outputs.clear();
  if (builder.type(graph.cost).rank() == 1)
    graph.cost = builder.div(builder.reduce(ir::ReduceKind::add, graph.cost, {0}),
                             builder.constant({ir::Elem::f64, {}}, static_cast<double>(examples)));
  for (NodeId id = 0; id < graph.function.nodes.size(); ++id)
    if (graph.function[id].op == ir::Op::stop_gradient) graph.stopped.push_back(id);
  for (ir::Input &input : graph.function.inputs) {
    if (input.kind == ir::InputKind::source) input.kind = ir::InputKind::argument;
    if (input.kind == ir::InputKind::examples) input.kind = ir::InputKind::argument, input.slot = count_of_examples;
    if (input.kind == ir::InputKind::step) input.kind = ir::InputKind::argument, input.slot = number_of_step;
  }
  return graph;
}

/// Cost, derivatives by the parameters, and what the stopped nodes are: results in this order.
ir::Function derivatives(CostGraph graph, const std::vector<int> &parameters) {
  ir::Builder builder(graph.function);
  std::vector<NodeId> inputs;
  for (int slot : parameters)
    for (const ir::Input &input : graph.function.inputs)
      if (input.kind == ir::InputKind::tensor && input.slot == slot) inputs.push_back(input.node);
  int slot = 0;
  builder.output({ir::OutputKind::result, slot++, "cost", graph.cost});
  std::vector<NodeId> gradients = passes::differentiate(builder, graph.cost, builder.like(graph.cost, 1), inputs);
  for (size_t i = 0; i < inputs.size(); ++i)
    builder.output(
        {ir::OutputKind::result, slot++, "gradient", gradients[i] == ir::no_node ? builder.like(inputs[i], 0) : gradients[i]});
  for (NodeId id : graph.stopped) builder.output({ir::OutputKind::result, slot++, "stopped", id});
  return std::move(graph.function);
}

/// The cost alone, with the stopped nodes as arguments behind the sources.
ir::Function cost_alone(CostGraph graph, int first_argument) {
  ir::Function &function = graph.function;
  for (size_t i = 0; i < graph.stopped.size(); ++i) {
    ir::Node &node = function.nodes[graph.stopped[i]];
    node = {ir::Op::input, node.type, {}, ir::InputAttributes{static_cast<int64_t>(function.inputs.size())}, node.place};
    function.inputs.push_back(
        {ir::InputKind::argument, first_argument + static_cast<int>(i), fmt::format("stopped{}", i), graph.stopped[i]});
  }
  ir::Builder(function).output({ir::OutputKind::result, 0, "cost", graph.cost});
  return std::move(function);
}

/// The elements that are varied: those with the largest derivatives, and as many spread over the rest.
std::vector<int64_t> sample(const Array &gradient) {
  std::vector<int64_t> order(gradient.values.size());
  std::iota(order.begin(), order.end(), 0);
  if (static_cast<int64_t>(order.size()) <= most_elements) return order;
  std::set<int64_t> chosen;
  for (int64_t i = 0; i < most_elements / 2; ++i) chosen.insert(static_cast<int64_t>(i * uint64_t{2654435761} % order.size()));
  auto larger = [&](int64_t a, int64_t b) { return std::fabs(gradient.values[a]) > std::fabs(gradient.values[b]); };
  std::partial_sort(order.begin(), order.begin() + most_elements, order.end(), larger);
  for (int64_t i = 0; i < most_elements && static_cast<int64_t>(chosen.size()) < most_elements; ++i) chosen.insert(order[i]);
  return {chosen.begin(), chosen.end()};
}

/// What a parameter's derivative goes through that differences do not see as it does: an adjoint that is declared, or a stopped gradient
/// in the body of a loop (elsewhere stopped values are held). "" for nothing.
std::string held_apart(const ir::Function &function, const std::vector<bool> &marked) {
  const std::vector<bool> reached = ir::reached_from(function, marked, false);
  for (NodeId id = 0; id < function.nodes.size(); ++id) {
    const ir::Node &node = function[id];
    const auto *custom = std::get_if<ir::CustomAttributes>(&node.attributes);
    if (!reached[id]) continue;
    if (custom && custom->declared) return fmt::format("`adjoint {}`", custom->adjoint->name);
    const auto *scan = std::get_if<ir::ScanAttributes>(&node.attributes);
    if (!scan) continue;
    for (const ir::Node &inside : scan->body->nodes)
      if (inside.op == ir::Op::stop_gradient) return "a stopped gradient in a loop";
    std::string found = held_apart(*scan->body, std::vector<bool>(scan->body->inputs.size(), true));
    if (!found.empty()) return found;
  }
  return "";
}

/// Which of the function's inputs is the tensor.
std::vector<bool> input_of(const ir::Function &function, int slot) {
  std::vector<bool> marked;
  for (const ir::Input &input : function.inputs) marked.push_back(input.kind == ir::InputKind::tensor && input.slot == slot);
  return marked;
}

struct Comparison {
  double worst = 0; // relative to the largest derivative
  int64_t element = 0;
  int64_t varied = 0, kinks = 0;
};

/// One parameter: analytic derivatives against differences of `cost`, which takes the parameter's values.
Comparison compare(Array &parameter, const Array &gradient, double base, const std::function<double()> &cost) {
  Comparison result;
  double largest = 0;
  for (double g : gradient.values) largest = std::max(largest, std::fabs(g));
  const std::vector<int64_t> elements = sample(gradient);
  result.varied = static_cast<int64_t>(elements.size());
  for (int64_t i : elements) {
    const double kept = parameter.values[i], analytic = gradient.values[i];
    auto at = [&](double moved) {
      parameter.values[i] = kept + moved;
      double value = cost();
      parameter.values[i] = kept;
      return value;
    };
    double error = HUGE_VAL, one_sided = HUGE_VAL;
    for (double h = 1e-5 * std::max(1.0, std::fabs(kept)); h > 1e-8 && error > allowed; h /= 10) {
      double up = at(h), down = at(-h);
      // Rounding of the cost alone makes this much of a difference quotient; smaller derivatives cannot be told from zero.
      const double noise = 2.3e-16 * std::max(1.0, std::fabs(base)) / h;
      auto distance = [&](double slope) { return std::fabs(slope - analytic) / std::max(largest, noise / allowed); };
      error = std::min(error, distance((up - down) / (2 * h)));
      one_sided = std::min({one_sided, distance((up - base) / h), distance((base - down) / h)});
    }
    if (error > allowed && one_sided <= 1e-4) { // a kink: the derivative is that of one side
      ++result.kinks;
      continue;
    }
    if (error > result.worst) result.worst = error, result.element = i;
  }
  return result;
}

/// The first rows of every source.
std::vector<Array> first_rows(const runtime::Description &about, int64_t &examples) {
  runtime::Dataset data(about, {}, std::vector<bool>(about.sources.size(), true));
  examples = most_examples;
  for (size_t clause = 0; clause < about.data.size(); ++clause)
    examples = std::min(examples, data.count(static_cast<int>(clause)));
  std::vector<Array> arrays;
  for (const runtime::Rows &rows : data.sources()) {
    Array array{ir::Elem::f64, {examples}, {}};
    array.dims.insert(array.dims.end(), rows.row.begin(), rows.row.end());
    int64_t count = 1;
    for (int64_t dim : array.dims) count *= dim;
    array.values.resize(static_cast<size_t>(count));
    const int64_t width = count / std::max<int64_t>(examples, 1),
                  step = runtime::step_of(rows) * static_cast<int64_t>(runtime::stored_bytes(rows.stored));
    for (int64_t i = 0; i < examples; ++i)
      runtime::convert(rows.bytes.data() + i * step, runtime::element_of(rows.stored), false, width, runtime::Stored::f64,
                       array.values.data() + i * width);
    arrays.push_back(std::move(array));
  }
  return arrays;
}

/// One clause; false where a derivative is wrong.
bool check_clause(const Compilation &compilation, const frontend::Program &program, int clause, const std::vector<Array> &sources,
                  std::vector<Array> &tensors, int64_t examples) {
  std::vector<int> parameters;
  for (const passes::ParameterUpdate &update : program.clauses[clause].updates) parameters.push_back(update.tensor);
  CostGraph graph = cost_graph(program, program.clauses[clause].cost, examples);
  const int first_stopped = static_cast<int>(program.sources.size());
  std::vector<Array> stopped;
  const Array count{ir::Elem::i32, {}, {static_cast<double>(examples)}};
  const Array first_step{ir::Elem::i32, {}, {1}};
  auto value = [&](const ir::Input &input) -> const Array & {
    if (input.slot == count_of_examples) return count;
    if (input.slot == number_of_step) return first_step;
    if (input.kind == ir::InputKind::tensor) return tensors[input.slot];
    return input.slot < first_stopped ? sources[input.slot] : stopped[input.slot - first_stopped];
  };
  CompiledFunction all(derivatives(graph, parameters), compilation, program.seed);
  std::vector<Array> results = all.run(value);
  stopped.assign(results.begin() + 1 + static_cast<ptrdiff_t>(parameters.size()), results.end());
  CompiledFunction alone(cost_alone(graph, first_stopped), compilation, program.seed);

  bool right = true;
  for (size_t i = 0; i < parameters.size(); ++i) {
    Array &parameter = tensors[parameters[i]];
    Comparison found = compare(parameter, results[i + 1], results[0].values[0], [&] { return alone.run(value)[0].values[0]; });
    const bool differs = !(found.worst <= allowed);
    const std::string apart = differs ? held_apart(program.training, input_of(program.training, parameters[i])) : "";
    const bool wrong = differs && apart.empty();
    right &= !wrong;
    fmt::print("  {:<32} {:>9.2e}  {} of {} elements{}{}\n", program.tensors[parameters[i]].name, found.worst, found.varied,
               parameter.values.size(), found.kinks ? fmt::format(", {} at a kink", found.kinks) : "",
               wrong     ? fmt::format("  WRONG at element {}", found.element)
               : differs ? fmt::format(", not that of differences: through {}", apart)
                         : "");
  }
  return right;
}

} // namespace

int check_gradients(const CompileOptions &given) {
  CompileOptions options = given;
  options.real = "f64";
  Compilation compilation(options);
  std::optional<frontend::Program> program = compilation.program();
  if (compilation.report() || !program) return 1;

  int64_t examples = 0;
  std::vector<Array> sources = first_rows(compile_program(compilation, *program).description, examples);
  std::vector<Array> tensors(program->tensors.size());
  ir::Function initial = program->initialise;
  for (ir::Output &output : initial.outputs) output.kind = ir::OutputKind::result;
  auto nothing = [](const ir::Input &) -> const Array & { throw ir::InternalError("an initial value has arguments"); };
  std::vector<Array> values = CompiledFunction(initial, compilation, program->seed).run(nothing);
  for (size_t i = 0; i < values.size(); ++i) tensors[initial.outputs[i].slot] = std::move(values[i]);

  bool right = true;
  for (int clause = 0; clause < static_cast<int>(program->clauses.size()); ++clause) {
    fmt::print("derivatives of `{}` on {} examples: worst error, relative to the parameter's largest derivative\n",
               program->cost_names[program->clauses[clause].cost], examples);
    right &= check_clause(compilation, *program, clause, sources, tensors, examples);
  }
  return right ? 0 : 1;
}

} // namespace nnc::driver
