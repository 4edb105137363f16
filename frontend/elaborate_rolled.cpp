// A loop that is rolled: its body is elaborated once, in a frame of its own, with what it carries from turn to turn as inputs, and becomes a `scan`.

#include "frontend/ast_walk.h"
#include "frontend/leaves.h"
#include "frontend/limits.h"
#include "frontend/loop_sequence.h"
#include "frontend/sizes.h"
#include "ir/functions.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;

namespace {

/// The names that the statements bind or update, wherever in them, in the order of the text.
std::vector<std::string> bound_names(const std::vector<Stmt> &body) {
  std::vector<std::string> names;
  walk(body, [&](const auto &node) {
    using Node = std::decay_t<decltype(node)>;
    if constexpr (std::is_same_v<Node, BindStmt>)
      for (const Identifier &name : node.names) names.push_back(name.name);
    if constexpr (std::is_same_v<Node, DefineStmt> || std::is_same_v<Node, UpdateStmt>) names.push_back(node.name.name);
    return true;
  });
  std::vector<std::string> once;
  for (const std::string &name : names)
    if (std::find(once.begin(), once.end(), name) == once.end()) once.push_back(name);
  return once;
}

} // namespace

/// One attempt to elaborate the body for all turns at once.
struct Elaborator::RolledLoop {
  RolledLoop(Elaborator &walk, const ForExpr &form, const Sequence &sequence, Span span, const Context &context)
      : walk(walk), form(form), sequence(sequence), span(span), context(context), inner(*context.frame) {}

  Elaborator &walk;
  const ForExpr &form;
  const Sequence &sequence;
  const Span span;
  const Context &context;

  /// A name that the body binds again, or a state that it updates: its leaves are carried.
  struct Carried {
    Local *local = nullptr; // of the name
    int slot = -1;          // of the state
    std::string name;
    Value before;
    size_t first = 0, count = 0; // its leaves
  };
  struct Leaf {
    ir::NodeId outer = ir::no_node, inside = ir::no_node, result = ir::no_node; // at first, in the body, after a turn
    Type type;
  };

  Frame inner;
  std::vector<Carried> carried;
  std::vector<Leaf> leaves;
  std::vector<std::pair<ir::NodeId, ir::NodeId>> rows; // (argument of the body, sequence around)
  std::vector<TensorValue> yields;
  Activation activation_before;

  ir::Builder &outer() { return context.frame->builder(); }

  /// Tensors, and numbers as reals, become inputs of the body; other values stay as they are.
  Value carry_in(const Value &value, const std::string &name) {
    if (const auto *instance = value.get<InstanceValue>()) {
      auto values = std::make_shared<std::map<int, TensorValue>>();
      for (int slot : walk.slots(*instance->instance))
        if (walk.tensors[slot].kind == TensorKind::parameter)
          values->emplace(slot, carry_leaf(walk.read_slot(slot, context, instance), name));
      return {InstanceValue{instance->instance, values}};
    }
    return map_leaves(value, [&](const Value &leaf) -> Value {
      if (const auto *tensor = leaf.get<TensorValue>()) return {carry_leaf(*tensor, name)};
      if (leaf.is<NumberValue>()) return {carry_leaf(*walk.as_real_scalar(leaf, name, span, context), name)};
      return leaf;
    });
  }

  TensorValue carry_leaf(const TensorValue &value, const std::string &name) {
    Leaf leaf{context.frame->use(value), ir::no_node, ir::no_node, value.type};
    leaf.inside = inner.add_argument(name, outer().type(leaf.outer), leaf.outer);
    inner.mark_carried(leaf.inside, name);
    leaves.push_back(leaf);
    return {&inner, leaf.inside, value.type};
  }

  void carry_names() {
    for (Local *local : walk.carried_locals(form, context)) {
      const std::string name(walk.sources_.text(local->span));
      Carried one{local, -1, name, local->value, leaves.size(), 0};
      local->value = carry_in(local->value, name);
      one.count = leaves.size() - one.first;
      carried.push_back(std::move(one));
    }
  }

  void carry_states(const std::set<int> &slots) {
    for (int slot : slots) {
      const TensorValue value = walk.read_slot(slot, context);
      Carried one{nullptr, slot, walk.tensors[slot].path, {value}, leaves.size(), 1};
      inner.root().states[slot] = carry_leaf(value, one.name);
      carried.push_back(std::move(one));
    }
  }

  /// An input of the body whose rows, one a turn, are `around`'s.
  TensorValue row_input(const std::string &name, ir::NodeId around, Type type) {
    const ir::NodeId inside = inner.add_argument(name, walk.ir_type(type), around);
    rows.emplace_back(inside, around);
    return {&inner, inside, std::move(type)};
  }

  void open_turn(Scope &scope) {
    const ir::NodeId numbers = outer().iota({{sequence.count, false}}, 0);
    const ir::NodeId turn = outer().broadcast_leading(walk.turn_node(context), {{sequence.count, false}});
    const Type whole{{ElementKind::i32, {}, {}}, {}};
    activation_before = *context.activation;
    context.activation->rolled_turn = row_input("turn", turn_hash(outer(), turn, numbers), whole);
    Value variable;
    if (sequence.tensor) {
      Type row = sequence.tensor->type;
      row.dims.erase(row.dims.begin());
      variable = {row_input(form.variable.name, context.frame->use(*sequence.tensor), std::move(row))};
    } else {
      const ir::NodeId shifted =
          sequence.first == 0 ? numbers : outer().add(numbers, outer().like(numbers, static_cast<double>(sequence.first)));
      // A negative number is no index: a subscript that has one is judged in each turn by itself.
      const Type type = sequence.first < 0 ? whole : Type{{ElementKind::index, sequence.limit, {}}, {}};
      variable = {row_input(form.variable.name, shifted, type)};
    }
    scope.locals[form.variable.name] = {std::move(variable), form.variable.span};
  }

  bool run_body() {
    Scope scope(*context.scope);
    scope.loop = true;
    open_turn(scope);
    Context inside = context;
    inside.frame = &inner;
    inside.scope = &scope;
    inside.instance_path = nullptr;
    const std::vector<Stmt> &body = form.body->statements;
    const YieldStmt *yield = yield_of(body);
    for (size_t i = 0; i + (yield ? 1 : 0) < body.size(); ++i) walk.execute(body[i], inside);
    bool ok = true;
    for (size_t i = 0; yield && i < yield->values.size(); ++i) {
      const Value value = walk.evaluate(*yield->values[i], inside);
      const auto tensor = value.poison() ? std::nullopt : walk.as_tensor(value, yield->values[i]->span, inside);
      ok = ok && tensor;
      if (tensor) yields.push_back({&inner, inner.use(*tensor), tensor->type});
    }
    const int ordinal = context.activation->ordinal;
    for (Carried &one : carried) ok = ok && carry_out(one, inside);
    *context.activation = activation_before;
    context.activation->ordinal = ordinal;
    return ok;
  }

  /// The new values of a carried name's leaves; false where it has become another kind of value.
  bool carry_out(const Carried &one, const Context &inside) {
    if (one.before.poison()) return true; // and is that again behind the loop
    const Value now = one.local ? one.local->value : Value{inner.root().states.at(one.slot)};
    size_t next = one.first;
    bool ok = same_form(one.before, now);
    auto put = [&](const Value &value) {
      if (!ok) return;
      Leaf &leaf = leaves[next++];
      const auto tensor = walk.convert_to(value, leaf.type, fmt::format("`{}`, carried by the loop,", one.name), span, inside);
      ok = tensor.has_value();
      if (tensor) leaf.result = inner.use(*tensor);
    };
    if (const auto *instance = now.get<InstanceValue>(); ok && instance) {
      for (int slot : walk.slots(*instance->instance))
        if (walk.tensors[slot].kind == TensorKind::parameter) put({walk.read_slot(slot, inside, instance)});
    } else if (ok) {
      for_each_leaf(now, [&](const Value &leaf) {
        if (leaf.is<TensorValue>() || leaf.is<NumberValue>()) put(leaf);
      });
    }
    return ok && next == one.first + one.count;
  }

  static bool same_form(const Value &before, const Value &now) {
    if (const auto *a = before.get<InstanceValue>()) {
      const auto *b = now.get<InstanceValue>();
      return b && a->instance == b->instance;
    }
    std::vector<bool> kinds[2];
    bool others = true; // what is no tensor stays the same
    std::vector<Value> rest[2];
    const Value *both[] = {&before, &now};
    for (int side : {0, 1})
      for_each_leaf(*both[side], [&](const Value &leaf) {
        kinds[side].push_back(leaf.is<TensorValue>() || leaf.is<NumberValue>());
        if (!kinds[side].back()) rest[side].push_back(leaf);
      });
    for (size_t i = 0; i < rest[0].size() && i < rest[1].size(); ++i) {
      const bool *a = rest[0][i].get<bool>(), *b = rest[1][i].get<bool>();
      others = others && rest[0][i].form.index() == rest[1][i].form.index() && (!a || *a == *b);
    }
    return kinds[0] == kinds[1] && others;
  }

  /// States that the body updates and that are not carried yet.
  std::set<int> more_states() {
    std::set<int> more;
    for (const auto &[slot, value] : inner.root().states)
      if (value.frame == &inner &&
          std::none_of(carried.begin(), carried.end(), [&, s = slot](const Carried &one) { return one.slot == s; }))
        more.insert(slot);
    return more;
  }

  /// The scan around the body; gives the node of each leaf's last value and of what each yield collects.
  std::vector<ir::NodeId> close() {
    std::vector<ir::NodeId> inputs; // of the body, in the scan's order
    std::vector<ir::NodeId> operands;
    std::vector<size_t> changing;
    auto changes = [&](const Leaf &leaf) { return leaf.result != leaf.inside; };
    for (size_t i = 0; i < leaves.size(); ++i)
      if (changes(leaves[i])) changing.push_back(i), inputs.push_back(leaves[i].inside), operands.push_back(leaves[i].outer);
    const std::vector<uint32_t> uses = use_counts(inner.function());
    auto is_used = [&](ir::NodeId node) {
      return uses[node] > 0 || std::any_of(yields.begin(), yields.end(), [&](const TensorValue &y) { return y.node == node; }) ||
             std::any_of(leaves.begin(), leaves.end(), [&](const Leaf &leaf) { return leaf.result == node; });
    };
    int64_t sequences = 0;
    for (const auto &[inside, around] : rows)
      if (is_used(inside)) inputs.push_back(inside), operands.push_back(around), ++sequences;
    for (const Leaf &leaf : leaves)
      if (!changes(leaf)) inputs.push_back(leaf.inside), operands.push_back(leaf.outer);
    for (const ir::Input &input : inner.function().inputs)
      if (const auto around = inner.outer_node(input.node)) inputs.push_back(input.node), operands.push_back(*around);

    ir::Function turn = inner.function();
    for (size_t i : changing) turn.outputs.push_back({ir::OutputKind::result, 0, "", leaves[i].result});
    for (const TensorValue &value : yields) turn.outputs.push_back({ir::OutputKind::result, 0, "", value.node});
    std::vector<ir::NodeId> last(leaves.size() + yields.size());
    for (size_t i = 0; i < leaves.size(); ++i) last[i] = leaves[i].outer;
    if (turn.outputs.empty()) return last;

    ir::Function body;
    body.name = "turn";
    ir::Builder builder(body);
    std::map<ir::NodeId, ir::NodeId> made;
    for (ir::NodeId input : inputs) {
      builder.set_place(turn[input].place);
      made[input] =
          builder.input({ir::InputKind::argument, static_cast<int>(body.inputs.size()), "", ir::no_node}, turn.type(input));
    }
    std::vector<ir::NodeId> arguments;
    for (const ir::Input &input : turn.inputs) {
      if (!made.contains(input.node)) made[input.node] = builder.constant(turn.type(input.node), 0.0); // nothing reads it
      arguments.push_back(made.at(input.node));
    }
    for (ir::NodeId node : ir::inline_function(builder, turn, arguments))
      builder.output({ir::OutputKind::result, static_cast<int>(body.outputs.size()), "", node});

    walk.place(span, context);
    const ir::NodeId scan = outer().add_node(ir::Op::scan, operands,
                                             ir::ScanAttributes{sequence.count, static_cast<int64_t>(changing.size()), sequences,
                                                                false, std::make_shared<const ir::Function>(std::move(body))});
    auto part = [&](size_t number) {
      return outer().add_node(ir::Op::part, {scan}, ir::PartAttributes{static_cast<int64_t>(number)});
    };
    for (size_t k = 0; k < changing.size(); ++k) last[changing[k]] = part(k);
    for (size_t k = 0; k < yields.size(); ++k) last[leaves.size() + k] = part(changing.size() + k);
    return last;
  }

  /// The value with its leaves as the loop left them.
  Value leave(const Carried &one, const std::vector<ir::NodeId> &last) {
    size_t next = one.first;
    auto taken = [&] {
      const size_t at = next++;
      return TensorValue{context.frame, last[at], leaves[at].type};
    };
    const auto is_changed = [&] {
      for (size_t i = one.first; i < one.first + one.count; ++i)
        if (leaves[i].result != leaves[i].inside) return true;
      return false;
    };
    if (!is_changed()) return one.before;
    if (const auto *instance = one.before.get<InstanceValue>()) {
      auto values = std::make_shared<std::map<int, TensorValue>>();
      for (int slot : walk.slots(*instance->instance))
        if (walk.tensors[slot].kind == TensorKind::parameter) values->emplace(slot, taken());
      return {InstanceValue{instance->instance, values}};
    }
    return map_leaves(one.before, [&](const Value &leaf) -> Value {
      return leaf.is<TensorValue>() || leaf.is<NumberValue>() ? Value{taken()} : leaf;
    });
  }
};

std::vector<Local *> Elaborator::carried_locals(const ForExpr &form, const Context &context) {
  std::vector<Local *> locals;
  for (const std::string &name : bound_names(form.body->statements)) {
    Local *local = context.scope->find_bound(name);
    if (Local *any = context.scope->find(name); !local && any && any->updatable) local = any;
    if (local && name != form.variable.name) locals.push_back(local);
  }
  return locals;
}

Elaborator::LoopStart::LoopStart(Elaborator &walk, const ForExpr &form, const Context &context)
    : errors(walk.error_count()), diagnostics(walk.diagnostics_), scratch(walk.scratch_), root(context.frame->root()),
      activation(*context.activation) {
  for (Local *local : walk.carried_locals(form, context)) locals.emplace_back(local, local->value);
}

void Elaborator::LoopStart::restore(Elaborator &walk, const Context &context) const {
  for (const auto &[local, value] : locals) local->value = value;
  context.frame->root() = root;
  *context.activation = activation;
  walk.diagnostics_ = diagnostics, walk.scratch_ = scratch;
}

/// Elaborates one turn with the carried numbers as they are, only to see what it makes of them. A number that becomes an index, and is one, is an index from
/// the start on, and one that becomes an i32 is that.
bool Elaborator::numbers_to_indices(const ForExpr &form, const Sequence &sequence, const LoopStart &start,
                                    const Context &context) {
  std::vector<std::pair<Local *, TensorValue>> settled;
  if (sequence.is_list || sequence.count == 0) return false;
  {
    RolledLoop loop(*this, form, sequence, form.variable.span, context);
    Scope scope(*context.scope);
    loop.open_turn(scope);
    Context inside = context;
    inside.frame = &loop.inner;
    inside.scope = &scope;
    inside.instance_path = nullptr;
    const std::vector<Stmt> &body = form.body->statements;
    for (size_t i = 0; i + (yield_of(body) ? 1 : 0) < body.size(); ++i) execute(body[i], inside);
    for (const auto &[local, before] : start.locals) {
      const auto *number = before.get<NumberValue>();
      const auto *now = local->value.get<TensorValue>();
      const auto whole = number && now && now->type.dims.empty() ? number->number.integer() : std::nullopt;
      if (!whole || now->type.element.variable) continue;
      const Element &element = now->type.element;
      const bool is_one = element.kind == ElementKind::i32 || (element.kind == ElementKind::index && !element.limit.batch &&
                                                               *whole >= 0 && *whole < element.limit.value);
      if (is_one) settled.emplace_back(local, TensorValue{context.frame, ir::no_node, now->type});
    }
  }
  start.restore(*this, context);
  for (auto &[local, value] : settled) {
    const double number = local->value.get<NumberValue>()->number.value();
    value.node = context.frame->builder().constant(ir_type(value.type), number);
    local->value = {value};
  }
  return !settled.empty();
}

std::optional<Value> Elaborator::rolled_loop(const ForExpr &form, const Sequence &sequence, Span span, const Context &context) {
  const size_t errors_before = error_count();
  const Root root_before = context.frame->root();
  const Activation activation_before = *context.activation;
  std::set<int> states;
  while (true) { // once more where the body turns out to update further states
    RolledLoop loop(*this, form, sequence, span, context);
    place(span, context);
    loop.carry_names();
    loop.carry_states(states);
    bool ok = loop.run_body() && error_count() == errors_before;
    const double elements = most_elements(loop.inner.function()) * static_cast<double>(sequence.count);
    if (ok && elements > max_elements) {
      report(K::limit_exceeded, span, context, "elements of what all turns compute", whole_number(elements), max_elements);
      ok = false;
    }
    const std::set<int> more = loop.more_states();
    const std::vector<int> updated = context.frame->root().updated;
    for (const RolledLoop::Carried &one : loop.carried)
      if (one.local) one.local->value = one.before;
    context.frame->root() = root_before;
    if (!ok || !more.empty()) *context.activation = activation_before;
    if (!ok) return std::nullopt;
    if (!more.empty()) {
      states.insert(more.begin(), more.end());
      continue;
    }
    const std::vector<ir::NodeId> last = loop.close();
    context.frame->root().updated = updated;
    for (const RolledLoop::Carried &one : loop.carried) {
      if (one.local) {
        one.local->value = loop.leave(one, last);
        continue;
      }
      if (context.frame->varies_by_example(last[one.first])) {
        report(K::state_of_example, span, context, one.name)
            .note("a state has one value: `batch_mean(…)` makes one of a mini-batch's");
        return std::nullopt;
      }
      context.frame->root().states[one.slot] = *loop.leave(one, last).get<TensorValue>();
    }
    if (!yield_of(form.body->statements)) return tuple({});
    std::vector<Value> results;
    for (size_t k = 0; k < loop.yields.size(); ++k) {
      Type type = loop.yields[k].type;
      type.dims.insert(type.dims.begin(), Dim{sequence.count, sequence.name});
      if (!size_ok(type.dims, span, context)) return std::nullopt;
      results.push_back({make(last[loop.leaves.size() + k], std::move(type), context)});
    }
    return results.size() == 1 ? results.front() : tuple(std::move(results));
  }
}

} // namespace nnc::frontend
