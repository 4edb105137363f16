// Operators: of numbers when compiling, elementwise of tensors, of instances parameter by parameter; matrix product, power, transpose.

#include "frontend/elaborator.h"

#include <algorithm>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;
using enum BinaryOperator;

enum class Family { arithmetic, comparison, logical, product };

/// What an operator is called, what it is about, and its operation; `swapped` ones exchange their operands.
struct OperatorRecord {
  const char *text;
  Family family;
  ir::Op op;
  bool swapped;
};

const OperatorRecord &record_of(BinaryOperator op) {
  static constexpr OperatorRecord records[] = {
      {"+", Family::arithmetic, ir::Op::add, false},        {"-", Family::arithmetic, ir::Op::sub, false},
      {"*", Family::arithmetic, ir::Op::mul, false},        {"/", Family::arithmetic, ir::Op::div, false},
      {"@", Family::product, ir::Op::dot, false},           {"^", Family::arithmetic, ir::Op::pow, false},
      {"==", Family::comparison, ir::Op::equal, false},     {"!=", Family::comparison, ir::Op::not_equal, false},
      {"<", Family::comparison, ir::Op::less, false},       {"<=", Family::comparison, ir::Op::less_equal, false},
      {">", Family::comparison, ir::Op::less, true},        {">=", Family::comparison, ir::Op::less_equal, true},
      {"and", Family::logical, ir::Op::logical_and, false}, {"or", Family::logical, ir::Op::logical_or, false},
  };
  return records[static_cast<size_t>(op)];
}

std::string quoted(BinaryOperator op) { return fmt::format("`{}`", record_of(op).text); }

template <typename T> bool compare(BinaryOperator op, const T &a, const T &b) {
  switch (op) {
  case equal: return a == b;
  case not_equal: return !(a == b);
  case less: return a < b;
  case less_equal: return a < b || a == b;
  case greater: return b < a;
  default: return b < a || a == b;
  }
}

} // namespace

Value Elaborator::unary(UnaryOperator op, const Value &operand, Span span, const Context &context) {
  if (op == UnaryOperator::logical_not) {
    if (const bool *known = operand.get<bool>()) return {!*known};
    const auto tensor = as_tensor(operand, span, context);
    if (!tensor) return {};
    if (tensor->type.element.kind == ElementKind::boolean)
      return {make(context.frame->builder().unary(ir::Op::logical_not, tensor->node), tensor->type, context)};
    report(K::operand_type, span, context, "`not`", "a condition", describe(operand));
    return {};
  }
  if (const auto *number = operand.get<NumberValue>()) return {NumberValue{-number->number}};
  if (operand.is<InstanceValue>()) return binary_instances(subtract, {NumberValue{0}}, span, operand, span, span, context);
  const auto tensor = as_tensor(operand, span, context);
  if (!tensor) return {};
  const bool real = tensor->type.element.kind == ElementKind::real;
  const TensorValue wide = widen(*tensor, real ? ElementKind::real : ElementKind::i32, context);
  return {make(context.frame->builder().neg(wide.node), wide.type, context)};
}

Value Elaborator::binary(BinaryOperator op, const Value &left, Span left_span, const Value &right, Span right_span, Span op_span,
                         const Context &context) {
  const auto *left_number = left.get<NumberValue>(), *right_number = right.get<NumberValue>();
  if (left_number && right_number) return binary_numbers(op, *left_number, *right_number, op_span, context);
  const Family family = record_of(op).family;
  if (const bool *a = left.get<bool>(), *b = right.get<bool>(); a && b) {
    if (op == logical_and || op == logical_or) return {op == logical_and ? *a && *b : *a || *b};
    if (op == equal || op == not_equal) return {compare(op, *a, *b)};
  }
  if (const auto *a = left.get<std::string>(), *b = right.get<std::string>(); a && b && family == Family::comparison)
    return {compare(op, *a, *b)};
  if ((left.is<InstanceValue>() || right.is<InstanceValue>()) && family == Family::arithmetic)
    return binary_instances(op, left, left_span, right, right_span, op_span, context);
  if (op == BinaryOperator::power || op == BinaryOperator::matmul) {
    const auto a = as_tensor(left, left_span, context);
    if (op == BinaryOperator::power) return a ? tensor_power(*a, left_span, right, right_span, op_span, context) : Value{};
    const auto b = as_tensor(right, right_span, context);
    return a && b ? matmul(*a, left_span, *b, right_span, op_span, context) : Value{};
  }
  return binary_tensors(op, left, left_span, right, right_span, op_span, context);
}

Value Elaborator::binary_numbers(BinaryOperator op, const NumberValue &left, const NumberValue &right, Span op_span,
                                 const Context &context) {
  const Number &a = left.number, &b = right.number;
  switch (op) {
  case add: return {NumberValue{a + b}};
  case subtract: return {NumberValue{a - b}};
  case multiply: return {NumberValue{a * b}};
  case divide: return {NumberValue{a / b}};
  case BinaryOperator::power: return {NumberValue{frontend::power(a, b)}};
  default: break;
  }
  if (record_of(op).family == Family::comparison) return {compare(op, a, b)};
  report(K::operand_type, op_span, context, quoted(op), op == BinaryOperator::matmul ? "tensors" : "conditions", "two numbers");
  return {};
}

Value Elaborator::binary_tensors(BinaryOperator op, const Value &left, Span left_span, const Value &right, Span right_span,
                                 Span op_span, const Context &context) {
  const OperatorRecord &record = record_of(op);
  // A literal takes the element of the other operand where it can.
  auto literal = [&](const Value &other) {
    const auto *tensor = other.get<TensorValue>();
    return tensor && op != divide ? tensor->type.element.kind : ElementKind::real;
  };
  auto a = to_tensor(left, left_span, context, literal(right));
  auto b = to_tensor(right, right_span, context, literal(left));
  if (!a || !b) return {};
  const ElementKind wider = std::max(a->type.element.kind, b->type.element.kind);
  ElementKind common = op == divide || wider == ElementKind::real ? ElementKind::real : ElementKind::i32;
  if (record.family == Family::logical) {
    for (const auto &[tensor, span] : {std::pair(&*a, left_span), std::pair(&*b, right_span)})
      if (tensor->type.element.kind != ElementKind::boolean) {
        report(K::operand_type, span, context, quoted(op), "conditions", to_string(tensor->type));
        return {};
      }
    common = ElementKind::boolean;
  } else if (record.family == Family::comparison && wider == ElementKind::boolean && (op == equal || op == not_equal)) {
    common = ElementKind::boolean;
  }
  if (!align(*a, left_span, *b, right_span, op_span, quoted(op), context)) return {};
  TensorValue x = widen(*a, common, context), y = widen(*b, common, context);
  if (record.swapped) std::swap(x, y);
  Type type{x.type.element, a->type.dims};
  if (record.family != Family::arithmetic) type.element = {ElementKind::boolean, {}, {}};
  return {make(context.frame->builder().binary(record.op, x.node, y.node), type, context)};
}

Value Elaborator::binary_instances(BinaryOperator op, const Value &left, Span left_span, const Value &right, Span right_span,
                                   Span op_span, const Context &context) {
  const auto *a = left.get<InstanceValue>(), *b = right.get<InstanceValue>();
  const InstanceValue &shape = a ? *a : *b;
  const std::vector<int> of_shape = parameters(*shape.instance), of_b = b ? parameters(*b->instance) : of_shape;
  if (std::string why = a && b ? other_form(*a->instance, *b->instance) : ""; !why.empty()) {
    report(K::instances_differ, op_span, context, quoted(op), short_text(left), short_text(right)).note(why);
    return {};
  }
  auto values = std::make_shared<std::map<int, TensorValue>>();
  for (size_t i = 0; i < of_shape.size(); ++i) {
    const int slot = of_shape[i];
    const Value x = a ? Value{read_slot(slot, context, a)} : left, y = b ? Value{read_slot(of_b[i], context, b)} : right;
    const Value result = binary(op, x, left_span, y, right_span, op_span, context);
    const auto *tensor = result.get<TensorValue>();
    if (!tensor) return {};
    const auto same = convert_to(result, tensors[slot].type, fmt::format("`{}`", tensors[slot].path), op_span, context);
    if (!same) return {};
    values->emplace(slot, *same);
  }
  return {InstanceValue{shape.instance, values}};
}

std::vector<int> Elaborator::parameters(const Instance &instance) const {
  std::vector<int> found = slots(instance);
  std::erase_if(found, [&](int slot) { return tensors[slot].kind != TensorKind::parameter; });
  return found;
}

/// In what the parameters of two instances differ, which must have the same names and types; "" where they do not.
std::string Elaborator::other_form(const Instance &a, const Instance &b) const {
  if (&a == &b) return "";
  const auto name = [&](const Instance &instance, int slot) {
    const std::string &path = tensors[slot].path;
    return path.starts_with(instance.path + ".") ? path.substr(instance.path.size() + 1) : path;
  };
  const std::vector<int> left = parameters(a), right = parameters(b);
  for (size_t i = 0; i < left.size() && i < right.size(); ++i) {
    const std::string x = fmt::format("`{}: {}`", name(a, left[i]), to_string(tensors[left[i]].type)),
                      y = fmt::format("`{}: {}`", name(b, right[i]), to_string(tensors[right[i]].type));
    if (x != y) return fmt::format("where the one has {}, the other has {}", x, y);
  }
  return left.size() == right.size() ? "" : fmt::format("the one has {} parameters, the other {}", left.size(), right.size());
}

Value Elaborator::tensor_power(const TensorValue &base, Span base_span, const Value &exponent, Span exponent_span, Span op_span,
                               const Context &context) {
  ir::Builder &builder = context.frame->builder();
  const auto *number = exponent.get<NumberValue>();
  const auto whole = number ? number->number.integer() : std::nullopt;
  constexpr int64_t most_factors = 64;
  if (whole && std::abs(*whole) <= most_factors) {
    // A whole exponent is that many factors, exactly: by squares.
    const bool integers = base.type.element.kind != ElementKind::real && *whole >= 0;
    const TensorValue x = widen(base, integers ? ElementKind::i32 : ElementKind::real, context);
    ir::NodeId square = x.node, product = ir::no_node;
    for (int64_t rest = std::abs(*whole); rest > 0; rest /= 2) {
      if (rest % 2 == 1) product = product == ir::no_node ? square : builder.mul(product, square);
      if (rest > 1) square = builder.mul(square, square);
    }
    if (product == ir::no_node) product = builder.like(x.node, 1);
    if (*whole < 0) product = builder.div(builder.like(product, 1), product);
    return {make(product, x.type, context)};
  }
  auto power = as_tensor(exponent, exponent_span, context);
  TensorValue x = base;
  if (!power || !align(x, base_span, *power, exponent_span, op_span, "`^`", context)) return {};
  x = widen(x, ElementKind::real, context);
  return {make(builder.binary(ir::Op::pow, x.node, widen(*power, ElementKind::real, context).node), x.type, context)};
}

Value Elaborator::transpose(const Value &operand, Span span, const Context &context) {
  const auto tensor = as_tensor(operand, span, context);
  if (!tensor) return {};
  const size_t rank = tensor->type.dims.size();
  if (rank < 2) {
    report(K::operand_type, span, context, "`'`", "a matrix", to_string(tensor->type));
    return {};
  }
  std::vector<int64_t> permutation(rank);
  for (size_t k = 0; k < rank; ++k) permutation[k] = static_cast<int64_t>(k);
  std::swap(permutation[rank - 1], permutation[rank - 2]);
  Type type = tensor->type;
  std::swap(type.dims[rank - 1], type.dims[rank - 2]);
  return {make(context.frame->builder().transpose(tensor->node, permutation), type, context)};
}

Value Elaborator::matmul(const TensorValue &left, Span left_span, const TensorValue &right, Span right_span, Span op_span,
                         const Context &context) {
  TensorValue a = widen(left, ElementKind::real, context), b = widen(right, ElementKind::real, context);
  auto fail = [&](const std::string &why) {
    Diagnostic &diagnostic = report(K::shapes_differ, op_span, context, "`@`", to_string(left.type), to_string(right.type));
    label_type(diagnostic, left_span, left.type);
    label_type(diagnostic, right_span, right.type);
    diagnostic.note(why);
    return Value{};
  };
  if (a.type.dims.empty() || b.type.dims.empty()) return fail("`@` takes vectors and matrices; `*` multiplies by a number");
  // The formals have rank 2 at most; axes further in front are extra ones and go along.
  size_t a_extra = a.type.dims.size() - std::min<size_t>(2, a.type.dims.size()),
         b_extra = b.type.dims.size() - std::min<size_t>(2, b.type.dims.size());
  const Dim inner_a = a.type.dims.back(), inner_b = b.type.dims[b_extra];
  if (!agree(inner_a, inner_b))
    return fail(inner_a.value == inner_b.value && inner_a.batch == inner_b.batch
                    ? fmt::format("`{}` and `{}` are different dimensions, though both are {} here", to_string(inner_a),
                                  to_string(inner_b), inner_a.value)
                    : fmt::format("the last axis of the left operand, {}, must equal the {} axis of the right one, {}",
                                  to_string(inner_a), b.type.dims.size() == 1 ? "only" : "last but one", to_string(inner_b)));
  const size_t shared = std::min(a_extra, b_extra);
  std::vector<Dim> extra(a_extra >= b_extra ? a.type.dims.begin() : b.type.dims.begin(),
                         a_extra >= b_extra ? a.type.dims.begin() + a_extra : b.type.dims.begin() + b_extra);
  for (size_t k = 0; k < shared; ++k) {
    const Dim &x = a.type.dims[a_extra - shared + k], &y = b.type.dims[b_extra - shared + k];
    if (!agree(x, y)) return fail(fmt::format("their leading axes differ: {} is not {}", to_string(x), to_string(y)));
    Dim &both = extra[extra.size() - shared + k];
    both = merge(x, y);
  }
  auto complete = [&](TensorValue &operand, size_t &axes) {
    std::vector<Dim> dims = extra;
    dims.insert(dims.end(), operand.type.dims.begin() + axes, operand.type.dims.end());
    operand = *broadcast_to(operand, dims, context);
    axes = extra.size();
  };
  if (shared > 0 && a_extra < extra.size()) complete(a, a_extra);
  if (shared > 0 && b_extra < extra.size()) complete(b, b_extra);

  ir::DotAttributes attributes;
  std::vector<Dim> dims = extra;
  for (size_t k = 0; shared > 0 && k < extra.size(); ++k) {
    attributes.left_batch.push_back(static_cast<int64_t>(k));
    attributes.right_batch.push_back(static_cast<int64_t>(k));
  }
  attributes.left_contract = {static_cast<int64_t>(a.type.dims.size()) - 1};
  attributes.right_contract = {static_cast<int64_t>(b_extra)};
  const bool a_matrix = a.type.dims.size() == a_extra + 2, b_matrix = b.type.dims.size() == b_extra + 2;
  if (a_matrix) dims.push_back(a.type.dims[a_extra]);
  if (b_matrix) dims.push_back(b.type.dims.back());
  if (!size_ok(dims, op_span, context)) return {};
  ir::NodeId node = context.frame->builder().dot(a.node, b.node, attributes);
  if (shared == 0 && b_extra > 0 && a_matrix) {
    // Only the right operand has extra axes: they came behind the left operand's rows.
    std::vector<int64_t> permutation;
    for (size_t k = 0; k < b_extra; ++k) permutation.push_back(static_cast<int64_t>(k) + 1);
    permutation.push_back(0);
    if (b_matrix) permutation.push_back(static_cast<int64_t>(b_extra) + 1);
    node = context.frame->builder().transpose(node, permutation);
  }
  return {make(node, Type{{}, dims}, context)};
}

} // namespace nnc::frontend
