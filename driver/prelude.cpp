// `nnc prelude [NAME]`: declarations of the prelude as they are written, and the documentation of what the compiler has built in.

#include "frontend/prelude.h"
#include "driver/commands.h"
#include "frontend/builtin.h"
#include "frontend/parser.h"

#include <fmt/format.h>

namespace nnc::driver {
namespace {

/// The span of a declaration with its doc comments, and its name.
struct Declared {
  std::string name;
  Span span;
};

std::optional<Declared> declared(const frontend::Item &item) {
  return std::visit(
      [](const auto &declaration) -> std::optional<Declared> {
        using Form = std::decay_t<decltype(declaration)>;
        if constexpr (std::is_same_v<Form, frontend::Import>)
          return std::nullopt;
        else
          return Declared{declaration.name.name, declaration.span};
      },
      item.form);
}

/// Where the comment lines above `begin` start.
size_t with_comments(std::string_view text, size_t begin) {
  while (begin > 0) {
    size_t line = begin >= 2 ? text.rfind('\n', begin - 2) : std::string_view::npos;
    line = line == std::string_view::npos ? 0 : line + 1;
    if (text.substr(line, 2) != "##") break;
    begin = line;
  }
  return begin;
}

/// Prints what the documentation of a builtin says of `name`; false where it is none.
bool print_builtin(const std::string &name) {
  if (const frontend::Builtin *builtin = frontend::find_builtin(name)) {
    fmt::print("## {}.\n{}({})  # built in\n", builtin->doc, builtin->name, builtin->formals);
    return true;
  }
  for (const frontend::BuiltinWord &word : frontend::builtin_words())
    if (name == word.name) {
      fmt::print("## {}.\n{}  # built in\n", word.doc, word.name);
      return true;
    }
  return false;
}

} // namespace

int print_prelude(const std::string &name) {
  std::vector<std::string> names = frontend::builtin_names();
  bool printed = !name.empty() && print_builtin(name);
  for (const frontend::PreludeFile &prelude : frontend::prelude_files()) {
    if (name.empty()) {
      fmt::print("{}\n", prelude.text);
      continue;
    }
    SourceMap sources;
    uint32_t number = sources.add_file(prelude.name, prelude.text, true);
    Diagnostics diagnostics(sources);
    frontend::File file = frontend::parse(sources, number, diagnostics);
    for (const frontend::Item &item : file.items) {
      std::optional<Declared> found = declared(item);
      if (!found) continue;
      names.push_back(found->name);
      if (found->name != name && found->name != "initial_" + name) continue;
      size_t begin = with_comments(prelude.text, found->span.begin);
      fmt::print("{}\n", prelude.text.substr(begin, found->span.end - begin));
      printed = true;
    }
  }
  if (name.empty() || printed) return 0;
  std::string near = nearest_name(name, names);
  throw CommandError(
      1, fmt::format("the prelude has no `{}`{}", name, near.empty() ? "" : fmt::format("; did you mean `{}`?", near)));
}

} // namespace nnc::driver
