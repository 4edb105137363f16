#include "frontend/train_clauses.h"

#include <map>
#include <set>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;

/// The clauses that can stand but once, by the index of their form; a NumberClause by what it is.
const char *single_clause(const Clause &clause) {
  if (std::holds_alternative<ValidateClause>(clause.form)) return "validate";
  if (std::holds_alternative<ClipNormClause>(clause.form)) return "clip_norm";
  if (std::holds_alternative<ShuffleClause>(clause.form)) return "shuffle";
  if (const auto *number = std::get_if<NumberClause>(&clause.form)) {
    constexpr const char *names[] = {"batch", "epochs", "steps", "seed"};
    return names[static_cast<int>(number->what)];
  }
  return nullptr;
}

class ClauseSorter {
public:
  ClauseSorter(Elaborator &elaborator, const Train &train, const FileScope &file) : elaborator(elaborator) {
    clauses.train = &train;
    clauses.file = &file;
  }
  TrainClauses run();

private:
  void sort(const Clause &);
  void check_single(const Clause &);
  void check_name(const Identifier &, const char *word, std::map<std::string, Span> &seen);
  void add_data(const Identifier &name, const std::optional<Identifier> &alias, Span);
  template <typename... A> Diagnostic &report(K kind, Span span, A &&...arguments) {
    return elaborator.diagnostics().report(kind, span, std::forward<A>(arguments)...);
  }

  Elaborator &elaborator;
  TrainClauses clauses;
  std::map<std::string, Span> single, reports, predictions;
  const ValidateClause *validate = nullptr;
  Span validate_span;
};

void ClauseSorter::check_single(const Clause &clause) {
  const char *name = single_clause(clause);
  if (!name) return;
  const auto [first, fresh] = single.emplace(name, clause.span);
  if (!fresh) report(K::clause_twice, clause.span, name).note(first->second, "the first one is here");
  for (const auto &[a, b] : {std::pair{"epochs", "steps"}, std::pair{"steps", "epochs"}})
    if (fresh && name == std::string(a) && single.contains(b))
      report(K::clause_conflict, clause.span, a, b).note(single.at(b), "the other is here");
}

void ClauseSorter::check_name(const Identifier &name, const char *word, std::map<std::string, Span> &seen) {
  const auto [first, fresh] = seen.emplace(name.name, name.span);
  if (!fresh) report(K::clause_name_twice, name.span, word, name.name).note(first->second, "the first one is here");
}

void ClauseSorter::add_data(const Identifier &name, const std::optional<Identifier> &alias, Span span) {
  const FileScope *where = nullptr;
  const auto found = elaborator.find_declaration(*clauses.file, name.name, &where);
  if (found)
    if (const auto *block = std::get_if<const Data *>(&*found)) {
      clauses.data.push_back({*block, where, alias ? alias->name : "", span});
      return;
    }
  std::vector<std::string> blocks;
  for (const auto &[candidate, declaration] : clauses.file->names)
    if (std::holds_alternative<const Data *>(declaration)) blocks.push_back(candidate);
  Diagnostic &diagnostic = report(found ? K::data_not_data : K::data_unknown, name.span, name.name);
  if (const std::string near = nearest_name(name.name, blocks); !near.empty())
    diagnostic.note(fmt::format("did you mean `{}`?", near));
}

void ClauseSorter::sort(const Clause &clause) {
  check_single(clause);
  if (const auto *form = std::get_if<DataClause>(&clause.form)) add_data(form->name, form->alias, clause.span);
  if (const auto *form = std::get_if<ValidateClause>(&clause.form)) validate = form, validate_span = clause.span;
  if (const auto *form = std::get_if<MinimizeClause>(&clause.form)) clauses.minimize.push_back(form);
  if (const auto *form = std::get_if<UsingClause>(&clause.form)) clauses.optimizers.push_back(form);
  if (const auto *form = std::get_if<FreezeClause>(&clause.form)) clauses.freeze.push_back(form);
  if (const auto *form = std::get_if<LoadClause>(&clause.form)) clauses.load.push_back(form);
  if (const auto *form = std::get_if<ClipNormClause>(&clause.form)) clauses.clip_norm = form;
  if (const auto *form = std::get_if<ShuffleClause>(&clause.form)) clauses.shuffle = form->on;
  if (const auto *form = std::get_if<ReportClause>(&clause.form)) check_name(form->name, "report", reports);
  if (const auto *form = std::get_if<PredictClause>(&clause.form)) check_name(form->name, "predict", predictions);
}

TrainClauses ClauseSorter::run() {
  for (const Clause &clause : clauses.train->clauses) sort(clause);
  for (size_t i = 0; i < clauses.minimize.size(); ++i)
    if (const auto clash = reports.find(cost_name(i)); clash != reports.end())
      report(K::report_named_cost, clash->second, clash->first);
  if (clauses.minimize.empty())
    report(K::minimize_missing, clauses.train->span).note("`minimize COST` says what training descends");
  if (validate && clauses.data.empty()) report(K::validate_without_data, validate_span);
  if (const auto *name = validate ? std::get_if<Identifier>(&validate->what) : nullptr) {
    const size_t before = clauses.data.size();
    add_data(*name, std::nullopt, validate_span);
    if (clauses.data.size() > before) clauses.validate_data = static_cast<int>(before);
  }
  return std::move(clauses);
}

} // namespace

std::string cost_name(size_t number) { return number == 0 ? "cost" : fmt::format("cost{}", number + 1); }

TrainClauses sort_clauses(Elaborator &elaborator, const Train &train, const FileScope &file) {
  return ClauseSorter(elaborator, train, file).run();
}

} // namespace nnc::frontend
