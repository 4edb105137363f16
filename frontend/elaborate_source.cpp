// Data sources in expressions: one example's row of a file.

#include "frontend/elaborator.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;

Value Elaborator::make_source(SourceFormat format, const std::vector<EvaluatedArgument> &arguments, Span span,
                              const Context &context) {
  const auto *path = arguments[0].value.get<std::string>();
  if (!path) {
    report(K::operand_type, arguments[0].span, context, "a data source", "a path in quotes", describe(arguments[0].value));
    return {};
  }
  SourceInfo info;
  info.source.format = format;
  info.source.path = *path;
  info.place = sources_.place(span, context.caller);
  info.source.place = info.place;
  if (arguments.size() > 1) {
    const auto header = as_integer(arguments[1].value, "`header`", arguments[1].span, context);
    if (!header) return {};
    info.source.header = static_cast<int>(std::clamp<int64_t>(*header, 0, 1'000'000));
  }
  for (size_t i = first_source; i < sources.size(); ++i) {
    const DataSource &known = sources[i].source;
    if (known.format == format && known.path == *path && known.header == info.source.header)
      return {SourceValue{static_cast<int>(i)}};
  }
  // The path is relative to the main file's folder, also in an imported file: that is where the program looks for its data.
  if (options_.probe) info.header = options_.probe(format, *path, info.source.header);
  if (!info.header.error.empty()) {
    report(K::source_unreadable, arguments[0].span, context, *path, info.header.error);
    return {};
  }
  info.source.stored = info.header.stored;
  info.source.row = info.header.row;
  const bool integers = info.header.stored == ir::Elem::u8 || info.header.stored == ir::Elem::i32;
  info.element = {integers ? ElementKind::i32 : ElementKind::real, {}, {}};
  sources.push_back(std::move(info));
  return {SourceValue{static_cast<int>(sources.size()) - 1}};
}

std::optional<TensorValue> Elaborator::read_source(int number, Span span, const Context &context) {
  if (!reading_data) {
    unsupported("a data source outside the fields of a `data` block", span, context);
    return std::nullopt;
  }
  const SourceInfo &info = sources[number];
  ir::Type stored{info.source.stored, {}};
  Type type{info.element, {}};
  for (int64_t extent : info.source.row) {
    stored.dims.push_back({extent, false});
    type.dims.push_back({extent, nullptr});
  }
  if (!size_ok(type.dims, span, context)) return std::nullopt;
  place(span, context);
  const ir::NodeId row = context.frame->leaf(ir::InputKind::source, number, info.source.path, stored);
  return make(context.frame->builder().convert(row, ir_elem(type.element)), type, context);
}

std::optional<int64_t> Elaborator::source_column(int source, const std::string &name, Span span, const Context &context) {
  const std::vector<std::string> &columns = sources[source].header.columns;
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found != columns.end()) return found - columns.begin();
  Diagnostic &diagnostic = report(K::unknown_column, span, context, sources[source].source.path, name);
  if (const std::string near = nearest_name(name, columns); !near.empty())
    diagnostic.note(fmt::format("did you mean \"{}\"?", near));
  if (columns.empty()) diagnostic.note("the file has no heading line; columns are numbered from 0");
  return std::nullopt;
}

} // namespace nnc::frontend
