#include "frontend/train_walk.h"

#include "frontend/limits.h"
#include "frontend/program_extract.h"
#include "ir/functions.h"

#include <algorithm>
#include <limits>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;

/// Whether the node needs a sum over the pass within a function that an operation runs.
bool sums_in_loop(const ir::Function &function, ir::NodeId root) {
  const auto runs_sum = [](const ir::Function &body, const auto &again) -> bool {
    return std::any_of(body.nodes.begin(), body.nodes.end(), [&](const ir::Node &node) {
      const auto *inner = ir::function_of(node.attributes);
      return node.op == ir::Op::pass_sum || (inner && again(**inner, again));
    });
  };
  const std::vector<bool> needed = needed_by(function, {root});
  for (ir::NodeId id = 0; id < function.nodes.size(); ++id)
    if (const auto *body = needed[id] ? ir::function_of(function[id].attributes) : nullptr; body && runs_sum(**body, runs_sum))
      return true;
  return false;
}

} // namespace

TrainWalk::TrainWalk(Elaborator &elaborator, const TrainClauses &clauses, bool training, bool validating)
    : frame(root, "train"), scope(clauses.file), elaborator(elaborator), clauses(clauses),
      activation{Elaborator::hash_path(0, "train " + clauses.train->name.name, 0), 0, 0} {
  root.training = training;
  elaborator.tensors.clear(); // each walk makes the same instances, with the same slots
  read_fields(validating);
  for (const Clause &clause : clauses.train->clauses) walk(clause);
}

void TrainWalk::read_fields(bool validating) {
  for (const DataUse &use : clauses.data) rows.push_back(read_data(elaborator, *use.block, *use.file, frame));
  if (clauses.validate_data >= 0) check_validation_fields();
  for (size_t i = 0; i < clauses.data.size(); ++i) {
    if (static_cast<int>(i) == clauses.validate_data) continue;
    const bool other = validating && i == 0 && clauses.validate_data >= 0;
    bring_in(clauses.data[i], other ? rows[clauses.validate_data] : rows[i]);
  }
}

/// The fields of a data clause as names of the block, or as those of its alias.
void TrainWalk::bring_in(const DataUse &use, const DataRow &row) {
  std::map<std::string, Value> fields;
  for (const DataEntry &entry : use.block->entries)
    if (entry.type) fields[entry.name.name] = {}; // where it was wrong, all that uses it is silent
  for (const DataField &field : row.fields) fields[field.name] = {field.value};
  if (!use.alias.empty()) {
    scope.locals[use.alias] = {{RecordValue{std::make_shared<const std::map<std::string, Value>>(std::move(fields))}}, use.span};
    return;
  }
  for (const DataEntry &entry : use.block->entries) {
    if (!entry.type) continue;
    if (const auto before = scope.locals.find(entry.name.name); before != scope.locals.end()) {
      const auto other =
          std::find_if(clauses.data.begin(), clauses.data.end(), [&](const DataUse &u) { return u.span == before->second.span; });
      elaborator.diagnostics()
          .report(K::data_field_clash, use.span, entry.name.name, use.block->name.name, other->block->name.name)
          .note("`data NAME as ALIAS` makes it `ALIAS.field`");
    }
    scope.locals[entry.name.name] = {fields.at(entry.name.name), use.span};
  }
}

void TrainWalk::check_validation_fields() {
  const DataUse &first = clauses.data.front(), &other = clauses.data[clauses.validate_data];
  std::vector<std::string> missing;
  for (const DataField &field : rows.front().fields) {
    const auto &fields = rows[clauses.validate_data].fields;
    const auto same = std::find_if(fields.begin(), fields.end(), [&](const DataField &f) { return f.name == field.name; });
    const std::string type = to_string(field.value.type);
    if (same == fields.end() || to_string(same->value.type) != type) missing.push_back(field.name + ": " + type);
  }
  if (!missing.empty())
    elaborator.diagnostics().report(K::validate_field, other.span, other.block->name.name, first.block->name.name,
                                    fmt::join(missing, "`, `"));
}

void TrainWalk::walk(const Clause &clause_) {
  const ir::NodeId begin = static_cast<ir::NodeId>(frame.function().nodes.size());
  const std::map<int, TensorValue> before = root.states;
  const size_t costs_before = costs.size();
  std::visit([&](const auto &form) { clause(form, clause_.span); }, clause_.form);
  if (std::holds_alternative<ReportClause>(clause_.form) || std::holds_alternative<PredictClause>(clause_.form)) {
    root.states = before; // updates that only these reach are discarded
    return;
  }
  Update update{begin,
                static_cast<ir::NodeId>(frame.function().nodes.size()),
                costs.size() > costs_before ? static_cast<int>(costs_before) : -1,
                {}};
  for (int slot : root.updated) {
    const auto old = before.find(slot);
    const auto now = root.states.find(slot);
    if (now != root.states.end() && (old == before.end() || old->second.node != now->second.node)) update.slots.push_back(slot);
  }
  if (!update.slots.empty()) updates.push_back(std::move(update));
}

std::vector<int> TrainWalk::states_of(size_t number) {
  std::vector<int> slots;
  std::vector<ir::NodeId> roots = {frame.use(costs[number].value)};
  std::vector<bool> taken(updates.size(), false);
  for (bool again = true; again;) {
    again = false;
    const std::vector<bool> needed = needed_by(frame.function(), roots);
    for (size_t i = 0; i < updates.size(); ++i) {
      const Update &update = updates[i];
      const bool reached = update.cost < 0
                               ? std::any_of(
                                     needed.begin() + update.begin, needed.begin() + update.end, [](bool n) { return n; })
                               : update.cost == static_cast<int>(number);
      if (taken[i] || !reached) continue;
      taken[i] = again = true;
      for (int slot : update.slots) roots.push_back(frame.use(root.states.at(slot)));
    }
  }
  for (size_t i = 0; i < updates.size(); ++i)
    for (int slot : updates[i].slots)
      if (taken[i] && std::find(slots.begin(), slots.end(), slot) == slots.end()) slots.push_back(slot);
  return slots;
}

void TrainWalk::clause(const BindStmt &form, Span span) {
  Context inside = context();
  const std::string path = form.names.front().name;
  if (form.names.size() == 1) inside.instance_path = &path;
  elaborator.execute_bind(form, span, inside);
}

void TrainWalk::clause(const DefineStmt &form, Span span) { elaborator.define(form, span, context()); }

void TrainWalk::clause(const ValidateClause &form, Span) {
  const auto *share = std::get_if<ExprPtr>(&form.what);
  if (!share) return;
  const auto number =
      elaborator.as_number(elaborator.evaluate(**share, context()), "the share for `validate`", (*share)->span, context());
  if (!number) return;
  numbers.validate_share = number->value();
  if (!(numbers.validate_share > 0 && numbers.validate_share < 1))
    elaborator.report(K::validate_share, (*share)->span, context(), number->text()).note("`validate 20%` holds out a fifth");
}

/// The value as a tensor of rank 0; nothing where it is none (reported).
std::optional<TensorValue> TrainWalk::scalar(const Expr &expr, const Value &value, K shape_error, const std::string &name) {
  const auto tensor = value.poison() ? std::nullopt : elaborator.as_tensor(value, expr.span, context());
  if (!tensor || tensor->type.dims.empty()) return tensor;
  const std::string type = to_string(tensor->type);
  Diagnostic &diagnostic = name.empty() ? elaborator.report(shape_error, expr.span, context(), type)
                                        : elaborator.report(shape_error, expr.span, context(), name, type);
  diagnostic.note("`sum(…)` and `mean(…)` make one number of a vector");
  return std::nullopt;
}

void TrainWalk::clause(const MinimizeClause &form, Span) {
  const Value value = elaborator.evaluate(*form.cost, context());
  Result result{cost_name(costs.size()), {}, elaborator.source_map().place(form.cost->span)};
  if (const auto cost = scalar(*form.cost, value, K::cost_not_scalar, "")) {
    if (cost->type.element.kind == ElementKind::boolean || cost->type.element.kind == ElementKind::index) {
      elaborator.report(K::cost_not_real, form.cost->span, context(), to_string(cost->type));
    } else if (const auto real = elaborator.as_real_scalar({*cost}, "the cost", form.cost->span, context())) {
      result.value = *real;
      result.valid = true;
    }
  }
  costs.push_back(std::move(result));
}

/// Whether the value depends on an example or a mini-batch otherwise than through sums over the pass, or these on one another.
bool TrainWalk::mixes_examples(const TensorValue &value, const std::vector<ir::NodeId> &sums) {
  const ir::Function &function = frame.function();
  for (ir::NodeId sum : sums)
    if (pass_sums(function, function[sum].operands[0]).size() > 0) return true;
  std::vector<bool> needed(function.nodes.size(), false);
  needed[frame.use(value)] = true;
  const std::vector<bool> differs = frame.differs_by_example();
  for (ir::NodeId id = static_cast<ir::NodeId>(needed.size()); id-- > 0;) {
    if (!needed[id] || function[id].op == ir::Op::pass_sum) continue;
    if (differs[id] || ir::is_across_examples(function[id])) return true;
    for (ir::NodeId operand : function[id].operands) needed[operand] = true;
  }
  return false;
}

void TrainWalk::clause(const ReportClause &form, Span) {
  Context inside = context();
  inside.of_pass = true;
  const Value value = elaborator.evaluate(*form.value, inside);
  const auto report = scalar(*form.value, value, K::report_not_scalar, form.name.name);
  Result result{form.name.name, report.value_or(TensorValue{}), elaborator.source_map().place(form.value->span),
                report.has_value()};
  if (report) result.sums = pass_sums(frame.function(), frame.use(*report));
  const bool of_pass = !result.sums.empty() || (report && sums_in_loop(frame.function(), frame.use(*report)));
  if (of_pass && mixes_examples(*report, result.sums)) {
    elaborator.report(K::report_of_pass, form.value->span, context(), form.name.name, "a value that is one for each example")
        .note("a sum over the pass is known at its end, when no example is: put the value into a `batch_mean(…)` of its own, or "
              "bind "
              "`batch_mean(…)` above, where it is the mini-batch's");
    result.valid = false;
  }
  reports.push_back(std::move(result));
}

void TrainWalk::clause(const PredictClause &form, Span) {
  const Value value = elaborator.evaluate(*form.value, context());
  const auto prediction = value.poison() ? std::nullopt : elaborator.as_tensor(value, form.value->span, context());
  predictions.push_back({form.name.name, prediction.value_or(TensorValue{}), elaborator.source_map().place(form.value->span),
                         prediction.has_value()});
}

void TrainWalk::clause(const NumberClause &form, Span) {
  struct Facts {
    const char *name, *things;
    int64_t least, most;
  };
  constexpr Facts facts[] = {{"batch", "examples in a mini-batch", 1, max_extent},
                             {"epochs", "epochs", 1, max_epochs},
                             {"steps", "steps", 1, max_steps_trained},
                             {"seed", "", 0, std::numeric_limits<int64_t>::max()}};
  const Facts &fact = facts[static_cast<int>(form.what)];
  const auto number = elaborator.as_number(elaborator.evaluate(*form.value, context()), fmt::format("`{}`", fact.name),
                                           form.value->span, context());
  if (!number) return;
  const auto whole = number->integer();
  if (!whole || *whole < fact.least) {
    elaborator.report(K::clause_number, form.value->span, context(), fact.name, number->text(), fact.least);
    return;
  }
  if (*whole > fact.most) {
    elaborator.report(K::limit_exceeded, form.value->span, context(), fact.things, *whole, fact.most);
    return;
  }
  switch (form.what) {
  case NumberClause::What::batch: numbers.batch = *whole; break;
  case NumberClause::What::epochs: numbers.epochs = *whole; break;
  case NumberClause::What::steps: numbers.steps = *whole; break;
  case NumberClause::What::seed: numbers.seed = static_cast<uint64_t>(*whole); break;
  }
}

} // namespace nnc::frontend
