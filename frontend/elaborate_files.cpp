// Files: declarations, imports, the prelude, and `let`s, which are evaluated when they are first used.

#include "frontend/builtin.h"
#include "frontend/elaborator.h"
#include "frontend/leaves.h"
#include "frontend/let_state.h"
#include "frontend/parser.h"

#include <cctype>
#include <filesystem>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;

/// The name and declaration of an item, if it has one.
std::optional<std::pair<const Identifier *, Declaration>> declaration_of(const Item &item) {
  return std::visit(
      [](const auto &form) -> std::optional<std::pair<const Identifier *, Declaration>> {
        if constexpr (std::is_same_v<std::decay_t<decltype(form)>, Import>)
          return std::nullopt;
        else
          return std::pair{&form.name, Declaration{&form}};
      },
      item.form);
}

Span span_of(const Declaration &declaration) {
  return std::visit([](const auto *form) { return form->name.span; }, declaration);
}

/// Whether the text is a number as it is written in the language, with `-` before it or without: 8, 1_000, 0.5, -1e-3, 20%.
bool is_number(std::string_view text) {
  size_t at = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const size_t first = at;
    while (at < text.size() && (std::isdigit(static_cast<unsigned char>(text[at])) || (at > first && text[at] == '_'))) ++at;
    return at > first;
  };
  if (!digits()) return false;
  if (at < text.size() && text[at] == '.' && (++at, !digits())) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    if (++at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (!digits()) return false;
  }
  return at == text.size() || text.substr(at) == "%";
}

Number number_of(std::string text) {
  std::erase(text, '_');
  const bool negative = text.starts_with('-'), percent = text.ends_with('%');
  const Number value = Number::parse(text.substr(negative, text.size() - negative - percent), percent);
  return negative ? -value : value;
}

/// `path` as an `import` in `file` means it: relative to the folder of that file, not of the main one.
std::string beside(const std::string &file, const std::string &path) {
  return (std::filesystem::path(file).parent_path() / path).lexically_normal().string();
}

} // namespace

Elaborator::Elaborator(SourceMap &sources, Diagnostics &diagnostics, ElaboratorOptions options)
    : sources_(sources), diagnostics_(diagnostics), options_(std::move(options)) {
  constant_frame_ = std::make_unique<Frame>(constant_root_, "let");
  File prelude;
  for (const PreludeFile &file : options_.prelude) {
    const uint32_t number = sources_.add_file(file.name, file.text, true);
    File parsed = parse(sources_, number, diagnostics_);
    prelude.number = number;
    for (Item &item : parsed.items) prelude.items.push_back(std::move(item));
  }
  prelude_ = &declare(std::move(prelude), "", nullptr);
}

Elaborator::~Elaborator() = default;

FileScope &Elaborator::declare(File file, std::string path, const FileScope *prelude) {
  FileScope &scope = files_.emplace_back();
  scope.file = std::move(file);
  scope.path = std::move(path);
  scope.prelude = prelude;
  for (const Item &item : scope.file.items) {
    const auto declared = declaration_of(item);
    if (!declared) continue;
    const auto &[name, declaration] = *declared;
    if (const auto *function = std::get_if<const Function *>(&declaration); function && (*function)->is_adjoint) {
      const auto [first, fresh] = scope.adjoints.emplace(name->name, *function);
      if (!fresh)
        diagnostics_.report(K::declared_twice, name->span, "adjoint " + name->name)
            .note(first->second->name.span, "the first one is here");
      continue;
    }
    if (const auto *train = std::get_if<const Train *>(&declaration)) {
      scope.trains.push_back(*train);
      if (name->name.empty()) continue;
    }
    const auto [first, fresh] = scope.names.emplace(name->name, declaration);
    if (!fresh)
      diagnostics_.report(K::declared_twice, name->span, name->name).note(span_of(first->second), "the first one is here");
  }
  for (const auto &[name, adjoint] : scope.adjoints)
    if (const auto found = scope.names.find(name);
        found == scope.names.end() || !std::holds_alternative<const Function *>(found->second))
      diagnostics_.report(K::adjoint_without_function, adjoint->name.span, name);
  return scope;
}

const FileScope *Elaborator::load(const std::string &path, std::string text) {
  const uint32_t number = sources_.add_file(path, std::move(text));
  FileScope &scope = declare(parse(sources_, number, diagnostics_), path, prelude_);
  by_path_[path] = &scope;
  for (const Item &item : scope.file.items)
    if (const auto *import = std::get_if<Import>(&item.form)) import_file(scope, *import);
  return &scope;
}

void Elaborator::import_file(FileScope &scope, const Import &import) {
  const std::string path = beside(scope.path, import.path);
  const FileScope *imported = nullptr;
  if (auto known = by_path_.find(path); known != by_path_.end()) {
    imported = known->second;
  } else {
    std::optional<std::string> text = options_.read_file ? options_.read_file(path) : std::nullopt;
    if (!text) {
      diagnostics_.report(K::import_not_found, import.path_span, path);
      return;
    }
    imported = load(path, std::move(*text));
  }
  for (const FileScope *other : scope.imports)
    for (const auto &[name, declaration] : other->names)
      if (auto clash = imported->names.find(name); other != imported && clash != imported->names.end() &&
                                                   !std::holds_alternative<const Train *>(declaration) &&
                                                   !std::holds_alternative<const Train *>(clash->second))
        diagnostics_.report(K::declared_twice, import.path_span, name)
            .note(span_of(declaration), "the first one is here")
            .note(span_of(clash->second), "the second one is here");
  scope.imports.push_back(imported);
}

std::optional<Declaration> Elaborator::find_declaration(const FileScope &file, const std::string &name,
                                                        const FileScope **where) const {
  auto in = [&](const FileScope &scope, bool trains) -> std::optional<Declaration> {
    const auto found = scope.names.find(name);
    if (found == scope.names.end() || (!trains && std::holds_alternative<const Train *>(found->second))) return std::nullopt;
    if (where) *where = &scope;
    return found->second;
  };
  if (auto found = in(file, true)) return found;
  for (const FileScope *import : file.imports)
    if (auto found = in(*import, false)) return found;
  return file.prelude ? in(*file.prelude, false) : std::nullopt;
}

const DimName *Elaborator::dim_name(const std::string &text) {
  auto &name = dim_names_[text];
  if (!name) name = std::make_unique<DimName>(DimName{text});
  return name.get();
}

std::optional<Value> Elaborator::overridden(const Let &let) {
  for (const auto &[name, text] : options_.defines) {
    if (name != let.name.name) continue;
    defines_used_.insert(name);
    if (std::holds_alternative<StringExpr>(let.value->form)) return Value{text};
    const bool truth = std::holds_alternative<BoolExpr>(let.value->form);
    const bool number = std::holds_alternative<NumberExpr>(let.value->form);
    if (!number && (text == "true" || text == "false")) return Value{text == "true"};
    if (!truth && is_number(text)) return Value{NumberValue{number_of(text)}};
    diagnostics_.report(K::define_value, let.name.span, name, text, name, truth ? "`true` or `false`" : "a number");
    return Value{};
  }
  return std::nullopt;
}

Value Elaborator::let_value(const Let &let, const FileScope &file, Span use, const Context &context) {
  auto &state = lets_[&let];
  if (!state) state = std::make_unique<LetState>();
  if (state->open) {
    report(K::let_cycle, use, context, let.name.name).note(let.name.span, "declared here");
    return {};
  }
  if (state->known) return state->value;

  // The value is the same wherever it is used; one that has nodes is made again in the frame of each use.
  Scope scope(&file);
  Activation activation{hash_path(0, "let " + let.name.name, 0), 0, 0};
  const bool first = !state->in_frame;
  const Context inside{first ? constant_frame_.get() : context.frame, &scope, &activation, {}, nullptr};
  state->open = true;
  std::optional<Value> given = overridden(let);
  Value value = given ? *given : evaluate(*let.value, inside);
  state->open = false;
  if (holds_tensor(value)) {
    state->in_frame = true;
    return first ? let_value(let, file, use, context) : value;
  }
  if (const auto *number = value.get<NumberValue>(); number && !number->name && number->number.integer())
    value = {NumberValue{number->number, dim_name(let.name.name)}};
  state->known = true;
  state->value = value;
  return value;
}

} // namespace nnc::frontend
