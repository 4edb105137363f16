// Loops. Over a list they are unrolled. Over a tensor or a range they are rolled where the body is the same for every turn: it is elaborated once, in a frame of
// its own, with the names that it binds again as inputs, and becomes a `scan`. A body that needs the turn's number when compiling, or a carried name that changes
// its type, is unrolled after all: the attempt leaves nothing behind. Which way is taken changes no result. Carried names keep their type, except in turns that
// are over layers with shapes of their own: `for layer in layers { x = layer(x) }`, or `x = layers[i](x)`.

#include "frontend/limits.h"
#include "frontend/loop_sequence.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;

namespace {

/// Up to this many turns a loop is unrolled: turns then share kernels.
constexpr int64_t most_unrolled = 4;

/// Whether a body with this error could do as a loop that is unrolled, where its number and what it carries are known in each turn.
bool asks_to_unroll(K kind) {
  return kind == K::not_compile_time || kind == K::condition_not_known || kind == K::compile_time_argument ||
         kind == K::gradient_through_loop;
}

int32_t turn_hash(int32_t outer, size_t turn) {
  return static_cast<int32_t>(static_cast<uint32_t>(outer) * turn_hash_factor + static_cast<uint32_t>(turn) + 1u);
}

} // namespace

std::optional<Elaborator::Sequence> Elaborator::loop_sequence(const Expr *source, const std::optional<Range> &range,
                                                              const Context &context) {
  Sequence made;
  if (range) {
    const Value low = evaluate(*range->low, context), high = evaluate(*range->high, context);
    const auto from = as_integer(low, "a range's start", range->low->span, context);
    const auto to = as_integer(high, "a range's end", range->high->span, context);
    if (!from || !to) return std::nullopt;
    if (*from < -max_extent) report(K::number_too_small, range->low->span, context, "a range's start", -max_extent, *from);
    if (*to > max_extent) report(K::limit_exceeded, range->high->span, context, "numbers below a range's end", *to, max_extent);
    if (*from < -max_extent || *to > max_extent) return std::nullopt;
    made.span = range->high->span;
    made.first = *from;
    made.count = std::max<int64_t>(*to - *from, 0);
    made.limit = {*to, high.get<NumberValue>()->name};
    if (*from == 0) made.name = made.limit.name;
    return made;
  }
  made.span = source->span;
  const Value value = evaluate(*source, context);
  if (value.poison()) return std::nullopt;
  if (const auto *items = value.get<ListValue>()) {
    made.is_list = true;
    made.items = *items->items;
    made.count = static_cast<int64_t>(made.items.size());
    return made;
  }
  made.tensor = to_tensor(value, source->span, context, ElementKind::real);
  if (!made.tensor) return std::nullopt;
  if (made.tensor->type.dims.empty()) {
    report(K::not_a_sequence, source->span, context, describe(value));
    return std::nullopt;
  }
  if (!extent_known(made.tensor->type.dims[0], "`for` over a tensor", source->span, context)) return std::nullopt;
  made.count = made.tensor->type.dims[0].value;
  made.name = made.tensor->type.dims[0].name;
  return made;
}

std::optional<std::vector<Value>> Elaborator::turns_of(const Sequence &sequence, const Context &context) {
  if (sequence.count > max_turns) {
    report(K::limit_exceeded, sequence.span, context, "turns of a loop that is unrolled", sequence.count, max_turns);
    return std::nullopt;
  }
  if (sequence.is_list) return sequence.items;
  std::vector<Value> turns;
  for (int64_t i = 0; i < sequence.count; ++i)
    turns.push_back(sequence.tensor ? row_of(*sequence.tensor, i, context) : Value{NumberValue{Number(sequence.first + i)}});
  return turns;
}

ir::NodeId Elaborator::turn_node(const Context &context) {
  const Activation &activation = *context.activation;
  if (activation.rolled_turn) return context.frame->use(*activation.rolled_turn);
  return context.frame->builder().constant({ir::Elem::i32, {}}, activation.turn);
}

/// The activation in turn number `turn` of a loop that is unrolled.
Activation Elaborator::turned(const Activation &before, size_t turn, const Context &context) {
  Activation inside = before;
  if (!before.rolled_turn) {
    inside.turn = turn_hash(before.turn, turn);
    return inside;
  }
  ir::Builder &builder = context.frame->builder();
  const ir::NodeId number = builder.constant({ir::Elem::i32, {}}, static_cast<double>(turn));
  inside.rolled_turn->node = turn_hash(builder, context.frame->use(*before.rolled_turn), number);
  inside.rolled_turn->frame = context.frame;
  return inside;
}

Value Elaborator::evaluate_for(const ForExpr &form, Span span, const Context &context) {
  const std::optional<Sequence> sequence = loop_sequence(form.source.get(), form.range, context);
  if (!sequence) return {};
  const LoopStart start(*this, form, context);
  const Value value = loop_turns(form, *sequence, span, context);
  if (error_count() == start.errors || limit_reported_) return value;
  // Once more, where a number is carried that the body makes an index of: `token = 0`, then `token = argmax(…)`.
  const Diagnostics found = diagnostics_, scratch_found = scratch_;
  start.restore(*this, context);
  if (numbers_to_indices(form, *sequence, start, context)) {
    const Value again = loop_turns(form, *sequence, span, context);
    if (error_count() == start.errors) return again;
  }
  diagnostics_ = found, scratch_ = scratch_found;
  for (const auto &[local, before] : start.locals) local->value = {}; // what they would be is not known, and silent
  return {};
}

Value Elaborator::loop_turns(const ForExpr &form, const Sequence &sequence, Span span, const Context &context) {
  if (sequence.is_list || sequence.count <= most_unrolled) return unrolled_loop(form, sequence, span, context);
  const Diagnostics before = diagnostics_, scratch_before = scratch_;
  if (std::optional<Value> value = rolled_loop(form, sequence, span, context)) return *value;
  if (limit_reported_) return {};
  if (sequence.count > max_turns) { // what the attempt reported stays
    const std::vector<Diagnostic> &all = diagnostics_.all();
    if (std::any_of(all.begin() + before.all().size(), all.end(),
                    [](const Diagnostic &found) { return asks_to_unroll(found.kind); }))
      turns_of(sequence, context);
    return {};
  }
  diagnostics_ = before, scratch_ = scratch_before;
  return unrolled_loop(form, sequence, span, context);
}

Value Elaborator::unrolled_loop(const ForExpr &form, const Sequence &sequence, Span span, const Context &context) {
  const auto turns = turns_of(sequence, context);
  if (!turns) return {};
  const std::vector<Stmt> &body = form.body->statements;
  const YieldStmt *yield = yield_of(body);
  std::vector<std::vector<Value>> collected(yield ? yield->values.size() : 0);
  const Activation before = *context.activation;
  int last_ordinal = before.ordinal;
  for (size_t turn = 0; turn < turns->size(); ++turn) {
    Scope scope(*context.scope);
    scope.loop = !sequence.is_list;
    if (!sequence.tensor) scope.parts_taken = parts_taken_;
    scope.locals[form.variable.name] = {(*turns)[turn], form.variable.span};
    Context inside = context;
    inside.scope = &scope;
    inside.instance_path = nullptr;
    *context.activation = turned(before, turn, context);
    for (size_t i = 0; i + (yield ? 1 : 0) < body.size(); ++i) execute(body[i], inside);
    for (size_t i = 0; i < collected.size(); ++i) collected[i].push_back(evaluate(*yield->values[i], inside));
    last_ordinal = context.activation->ordinal;
  }
  *context.activation = before;
  context.activation->ordinal = last_ordinal;
  if (!yield) return tuple({});
  if (turns->empty()) {
    report(K::empty_loop, span, context);
    return {};
  }
  std::vector<Value> results;
  place(span, context);
  for (size_t i = 0; i < collected.size(); ++i) {
    const Value stacked = stack_values(collected[i], yield->values[i]->span, context);
    if (!stacked.get<TensorValue>()) return {};
    results.push_back(stacked);
    std::get<TensorValue>(results.back().form).type.dims[0].name = sequence.name;
  }
  return results.size() == 1 ? results.front() : tuple(std::move(results));
}

} // namespace nnc::frontend
