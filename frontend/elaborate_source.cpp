// Data sources in expressions: what they are, their members and columns, and one example's row of them.

#include "frontend/elaborator.h"
#include "frontend/limits.h"
#include "frontend/list_source.h"
#include "frontend/sizes.h"
#include "ir/limits.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;

Value Elaborator::add_source(SourceInfo info) {
  const bool is_list = info.file.format == list_format;
  const auto known = std::find_if(files.begin(), files.end(), [&](const SourceInfo &other) { return other.file == info.file; });
  const int number = static_cast<int>(!is_list && known != files.end() ? known - files.begin() : files.size());
  if (number == static_cast<int>(files.size())) files.push_back(std::move(info));
  if (reading_data) touched.push_back(number);
  return {SourceValue{number, -1, reading_data}};
}

Value Elaborator::make_source(DataFile file, Span span, const Context &context) {
  SourceInfo info;
  info.file = std::move(file);
  info.place = sources_.place(span, context.caller);
  const auto known = std::find_if(files.begin(), files.end(), [&](const SourceInfo &other) { return other.file == info.file; });
  if (known != files.end()) return add_source(std::move(info)); // a text is read once
  // The path is relative to the main file's folder, also in an imported file: that is where the program looks for its data.
  if (options_.data.probe) info.header = options_.data.probe(info.file);
  if (info.header.error.empty()) return add_source(std::move(info));
  report(K::source_unreadable, span, context, info.file.path, info.header.error);
  return {};
}

Value Elaborator::make_windows(const EvaluatedArgument &sequence, int64_t length, Span span, const Context &context) {
  SourceInfo info;
  const auto *source = sequence.value.get<SourceValue>();
  if (const auto *items = sequence.value.get<ListValue>()) {
    const auto rows = list_rows(*this, *items, "sequence", sequence.span, context);
    if (!rows) return {};
    info = list_source(*rows, rows->are_integers(), options_.real);
  } else if (!source) {
    report(K::operand_type, sequence.span, context, "`windows`", "a data source", describe(sequence.value));
    return {};
  } else {
    const SourceInfo &base = files[source->file];
    info.file = base.file;
    info.header = base.header;
    info.values = base.values;
    info.called = base.called;
  }
  if (info.file.window > 0) {
    report(K::operand_type, sequence.span, context, "`windows`", "a sequence", "windows of one");
    return {};
  }
  if (info.header.rows && *info.header.rows < length) {
    report(K::window_too_long, span, context, length, source ? fmt::format("`{}`", source_text(*source)) : "the list",
           *info.header.rows);
    return {};
  }
  if (info.header.rows) *info.header.rows -= length - 1;
  info.file.window = length;
  info.header.row.insert(info.header.row.begin(), length);
  info.place = sources_.place(span, context.caller);
  Value made = add_source(std::move(info));
  if (source) std::get<SourceValue>(made.form).column = source->column;
  return made;
}

/// As messages name it: `corpus`, `houses["city"]`.
std::string Elaborator::source_text(const SourceValue &value) const {
  const SourceInfo &info = files[value.file];
  const std::string text = info.called.empty() ? fmt::format("{}(\"{}\")", info.file.format, info.file.path) : info.called;
  if (value.column < 0) return text;
  const bool named = value.column < static_cast<int>(info.header.columns.size());
  return named ? fmt::format("{}[\"{}\"]", text, info.header.columns[value.column]) : fmt::format("{}[{}]", text, value.column);
}

bool Elaborator::is_text(const SourceValue &value) const {
  const std::vector<bool> &text = files[value.file].header.text;
  return value.column >= 0 && value.column < static_cast<int>(text.size()) && text[value.column];
}

std::optional<const DimName *> Elaborator::source_alphabet(const SourceValue &value, Span span, const Context &context) {
  SourceInfo &info = files[value.file];
  if (value.column < 0 ? info.header.alphabet.empty() : !is_text(value)) return nullptr;
  std::unique_ptr<DimName> &size = info.sizes[value.column];
  if (size) return size.get();
  std::vector<std::string> names = info.header.alphabet;
  if (value.column >= 0 && options_.data.texts) {
    DataFile file = info.file;
    file.window = 0;
    SourceTexts texts = options_.data.texts(file, value.column);
    if (!texts.error.empty()) {
      report(K::source_unreadable, span, context, info.file.path, texts.error);
      return std::nullopt;
    }
    names = std::move(texts.values);
  }
  size =
      std::make_unique<DimName>(DimName{source_text(value) + ".size", std::make_shared<const Alphabet>(std::move(names)), false});
  return size.get();
}

/// `.size`, `.names`, `.length`.
std::optional<Value> Elaborator::source_member(const SourceValue &value, const Identifier &name, const Context &context) {
  const SourceInfo &info = files[value.file];
  const bool is_size = name.name == "size", is_names = name.name == "names";
  if (is_size || is_names) {
    const auto size = source_alphabet(value, name.span, context);
    if (!size) return Value{};
    if (const DimName *found = *size) {
      const Alphabet &alphabet = *found->alphabet;
      if (is_size) return Value{NumberValue{Number(static_cast<int64_t>(alphabet.size())), found}};
      std::vector<Value> names;
      for (const std::string &text : alphabet) names.push_back({text});
      return list(std::move(names));
    }
    if (is_size && value.column < 0 && info.header.limit > 0) return Value{NumberValue{Number(info.header.limit)}};
  }
  const bool is_lines = !info.header.alphabet.empty() && !info.header.row.empty() && info.file.window == 0;
  if (name.name == "length" && is_lines) return Value{NumberValue{Number(info.header.row.front())}};
  return std::nullopt;
}

std::optional<int> Elaborator::source_column(const SourceValue &value, const std::string &name, Span span,
                                             const Context &context) {
  const SourceInfo &info = files[value.file];
  const std::vector<std::string> &columns = info.header.columns;
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found != columns.end()) return static_cast<int>(found - columns.begin());
  Diagnostic &diagnostic = report(K::unknown_column, span, context, info.file.path, name);
  if (const std::string near = nearest_name(name, columns); !near.empty())
    diagnostic.note(fmt::format("did you mean \"{}\"?", near));
  if (columns.empty()) diagnostic.note("the file has no heading line; columns are numbered from 0");
  return std::nullopt;
}

/// Whether the columns from `first` to before `limit` are of numbers (reported).
bool Elaborator::text_columns(const SourceValue &value, int64_t first, int64_t limit, int64_t stride, Span span,
                              const Context &context) {
  for (int64_t column = first; column < limit; column += stride) {
    const SourceValue one{value.file, static_cast<int>(column), value.example};
    if (!is_text(one)) continue;
    report(K::text_column, span, context, fmt::format("`{}`", source_text(one)))
        .note("its values are indices into the sorted different texts: take it alone, and the columns of numbers without it");
    return false;
  }
  return true;
}

/// The types of rows: a text's are indices below its size.
std::optional<Type> Elaborator::source_type(const SourceValue &value, Span span, const Context &context) {
  const SourceInfo &info = files[value.file];
  const bool integers = info.header.stored == ir::Elem::u8 || info.header.stored == ir::Elem::i32;
  Type type{{integers ? ElementKind::i32 : ElementKind::real, {}, {}}, {}};
  const auto size = source_alphabet(value, span, context);
  if (!size) return std::nullopt;
  if (*size)
    type.element = {ElementKind::index, {static_cast<int64_t>((*size)->alphabet->size()), *size}, {}};
  else if (value.column < 0 && info.header.limit > 0)
    type.element = {ElementKind::index, {info.header.limit, nullptr}, {}};
  for (int64_t extent : info.header.row) type.dims.push_back({extent, nullptr});
  if (value.column >= 0) type.dims.pop_back();
  if (!size_ok(type.dims, span, context)) return std::nullopt;
  if (elements_of(ir_type(type)) > ir::most_in_memory) {
    report(K::tensor_too_large, span, context, to_string(type), ir::most_in_memory);
    return std::nullopt;
  }
  return type;
}

std::optional<TensorValue> Elaborator::read_source(const SourceValue &value, Span span, const Context &context) {
  const SourceInfo &info = files[value.file];
  if (value.column < 0 && !info.header.text.empty() &&
      !text_columns(value, 0, static_cast<int64_t>(info.header.text.size()), 1, span, context))
    return std::nullopt;
  const auto type = source_type(value, span, context);
  if (!type) return std::nullopt;
  place(span, context);
  return value.example ? std::optional(read_example(value, *type, context)) : read_whole(value, *type, span, context);
}

/// The number of the source among those that the `data` block draws.
int Elaborator::use_source(int file) {
  for (size_t i = first_source; i < sources.size(); ++i)
    if (sources[i].file == file) return static_cast<int>(i);
  const SourceInfo &info = files[file];
  DataSource made{};
  made.file = info.file;
  made.stored = info.header.stored;
  made.row = info.header.row;
  made.values = info.values;
  made.alphabet = info.header.alphabet;
  made.limit = info.header.limit;
  made.place = info.place;
  touched.push_back(file);
  sources.push_back({std::move(made), file});
  return static_cast<int>(sources.size()) - 1;
}

TensorValue Elaborator::read_example(const SourceValue &value, const Type &type, const Context &context) {
  const int number = use_source(value.file);
  const DataSource &source = sources[number].source;
  ir::Type stored{source.stored, {}};
  for (int64_t extent : source.row) stored.dims.push_back({extent, false});
  ir::Builder &builder = context.frame->builder();
  ir::NodeId row = context.frame->leaf(ir::InputKind::source, number, source.file.path, stored);
  if (value.column >= 0) {
    std::vector<int64_t> start(source.row.size(), 0), limit = source.row, stride(source.row.size(), 1);
    start.back() = value.column, limit.back() = value.column + 1;
    row = builder.reshape(builder.slice(row, start, limit, stride), ir_type(type).dims);
  }
  return make(builder.convert(row, ir_elem(type.element)), type, context);
}

/// `table["city"]`, and `table[4]` of an example: a column of its own. Of other subscripts the columns must be of numbers. Nothing where the source is
/// no table, or its rows are subscripted as a tensor.
std::optional<Value> Elaborator::source_subscript(const SourceValue &value, const SubscriptExpr &form,
                                                  const std::vector<Value> &at, Span base, const Context &context) {
  const SourceInfo &info = files[value.file];
  if (value.column >= 0 || info.header.row.empty()) return std::nullopt;
  const size_t axis = info.header.row.size() - (value.example ? 1 : 0); // of the columns
  if (const auto *name = at.front().get<std::string>(); name && form.subscripts.size() == 1) {
    const auto column = source_column(value, *name, form.subscripts.front().span, context);
    return column ? Value{SourceValue{value.file, *column, value.example}} : Value{};
  }
  if (info.header.text.empty() || form.subscripts.size() <= axis) return std::nullopt;
  const Dim width{info.header.row.back(), nullptr};
  const Subscript &sub = form.subscripts[axis];
  const auto *number = at[axis].get<NumberValue>();
  const std::optional<StaticRange> range = sub.kind == Subscript::Kind::at && !number
                                               ? StaticRange{0, width.value, 1}
                                               : static_range(sub, number, width, base, context);
  if (!range) return Value{};
  if (number && axis == 0) return Value{SourceValue{value.file, static_cast<int>(range->start), value.example}};
  if (!text_columns(value, range->start, range->limit, range->stride, sub.span, context)) return Value{};
  const auto type = source_type(value, base, context);
  if (!type) return Value{};
  place(base, context);
  const auto tensor =
      value.example ? std::optional(read_example(value, *type, context)) : read_whole(value, *type, base, context);
  return tensor ? subscript_tensor(*tensor, form, at, base, context) : Value{};
}

} // namespace nnc::frontend
