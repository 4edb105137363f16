#include "frontend/data_block.h"

#include "frontend/program_extract.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;
using ir::Elem;
using ir::NodeId;
using ir::Op;

/// A list literal's rows: the shape of one and all values.
struct ListRows {
  std::vector<int64_t> row;
  std::vector<double> values;
};

/// Appends the numbers of `value`, lists within lists, and gives their shape; nothing where a list is ragged or holds other things.
std::optional<std::vector<int64_t>> flatten(const Value &value, std::vector<double> &numbers) {
  if (const auto *number = value.get<NumberValue>()) {
    numbers.push_back(number->number.value());
    return std::vector<int64_t>{};
  }
  if (const auto *truth = value.get<bool>()) {
    numbers.push_back(*truth ? 1 : 0);
    return std::vector<int64_t>{};
  }
  const auto *items = value.get<ListValue>();
  if (!items) return std::nullopt;
  std::optional<std::vector<int64_t>> inner;
  for (const Value &item : *items->items) {
    const auto shape = flatten(item, numbers);
    if (!shape || (inner && *inner != *shape)) return std::nullopt;
    inner = shape;
  }
  std::vector<int64_t> shape = inner.value_or(std::vector<int64_t>{});
  shape.insert(shape.begin(), static_cast<int64_t>(items->items->size()));
  return shape;
}

std::string shape_text(const std::vector<int64_t> &shape) {
  return shape.empty() ? "a number" : fmt::format("a list of shape [{}]", fmt::join(shape, ", "));
}

class DataReader {
public:
  DataReader(Elaborator &elaborator, const Data &block, const FileScope &file, Frame &frame)
      : elaborator(elaborator), block(block), scope(&file),
        activation{Elaborator::hash_path(0, "data " + block.name.name, 0), 0, 0},
        context{&frame, &scope, &activation, {}, nullptr} {}

  DataRow read();

private:
  void read_entry(const DataEntry &);
  Value entry_value(const DataEntry &);
  std::optional<ListRows> list_rows(const DataEntry &, const ListValue &);
  bool same_count(const DataEntry &, size_t count);
  void check_list(const DataField &, const std::string &type);
  void name_sources(const DataEntry &, size_t first);
  std::optional<DataField> field(const DataEntry &, const Value &);
  bool convert(DataField &, const DataEntry &, const TensorValue &, const Type &);

  Elaborator &elaborator;
  const Data &block;
  Scope scope;
  Activation activation;
  Context context;
  DataRow row;
  std::map<int, const Expr *> lists;                       // the text of each source that is a list
  std::optional<std::pair<Identifier, size_t>> first_list; // the first of them: its entry and number of examples
};

/// The part of a list's text that is its element `number`, row-major; the whole where it is not written out.
Span element_span(const Expr &expr, size_t number, size_t elements) {
  const auto *list = std::get_if<ListExpr>(&expr.form);
  if (!list || list->items.empty() || elements % list->items.size() != 0) return expr.span;
  const size_t each = elements / list->items.size();
  return element_span(*list->items[number / each], number % each, each);
}

DataRow DataReader::read() {
  elaborator.reading_data = true;
  elaborator.first_source = elaborator.sources.size();
  for (const DataEntry &entry : block.entries) read_entry(entry);
  elaborator.reading_data = false;
  const bool has_field =
      std::any_of(block.entries.begin(), block.entries.end(), [](const DataEntry &e) { return e.type.has_value(); });
  if (!has_field) elaborator.report(K::data_no_fields, block.name.span, context, block.name.name);
  return std::move(row);
}

void DataReader::read_entry(const DataEntry &entry) {
  if (const auto before = scope.locals.find(entry.name.name); before != scope.locals.end()) {
    elaborator.report(K::declared_twice, entry.name.span, context, entry.name.name)
        .note(before->second.span, "the first one is here");
    return;
  }
  const size_t first = elaborator.sources.size();
  Value value = entry_value(entry);
  name_sources(entry, first);
  if (!entry.type) {
    elaborator.bind(entry.name, std::move(value), context);
    return;
  }
  const std::optional<DataField> made = value.poison() ? std::nullopt : field(entry, value);
  scope.locals[entry.name.name] = {made ? Value{made->value} : Value{}, entry.name.span};
  if (made) row.fields.push_back(*made);
}

/// The entry's value; of a list literal the source that it is.
Value DataReader::entry_value(const DataEntry &entry) {
  Value value = elaborator.evaluate(*entry.value, context);
  const auto *items = value.get<ListValue>();
  if (!items) return value;
  std::optional<ListRows> rows = list_rows(entry, *items);
  if (!rows || !same_count(entry, items->items->size())) return {};
  lists[static_cast<int>(elaborator.sources.size())] = entry.value.get();
  SourceInfo info;
  info.place = elaborator.source_map().place(entry.value->span);
  info.source.format = SourceFormat::list;
  info.source.place = info.place;
  const bool integers =
      entry.type && entry.type->name.name == "i32" && std::all_of(rows->values.begin(), rows->values.end(), [](double value) {
        return value == std::floor(value) && std::abs(value) <= std::numeric_limits<int32_t>::max();
      });
  info.source.stored = integers ? Elem::i32 : elaborator.options().real;
  info.element = {integers ? ElementKind::i32 : ElementKind::real, {}, {}};
  info.source.row = rows->row;
  info.source.values = std::move(rows->values);
  info.header.row = rows->row;
  info.header.stored = info.source.stored;
  elaborator.sources.push_back(std::move(info));
  return {SourceValue{static_cast<int>(elaborator.sources.size()) - 1}};
}

std::optional<ListRows> DataReader::list_rows(const DataEntry &entry, const ListValue &list) {
  ListRows rows;
  if (list.items->empty()) {
    elaborator.report(K::data_list_empty, entry.value->span, context);
    return std::nullopt;
  }
  for (size_t i = 0; i < list.items->size(); ++i) {
    const Value &item = (*list.items)[i];
    const auto shape = flatten(item, rows.values);
    if (!shape) {
      elaborator.report(K::data_not_a_list, entry.value->span, context, entry.name.name, elaborator.describe(item));
      return std::nullopt;
    }
    if (i == 0) rows.row = *shape;
    if (*shape == rows.row) continue;
    elaborator.report(K::data_list_ragged, entry.value->span, context, i, shape_text(*shape), shape_text(rows.row));
    return std::nullopt;
  }
  return rows;
}

/// Whether the list has as many examples as the first one of the block (reported).
bool DataReader::same_count(const DataEntry &entry, size_t count) {
  if (!first_list) first_list = {entry.name, count};
  const auto &[first, examples] = *first_list;
  if (count == examples) return true;
  const std::string &name = block.name.name;
  elaborator
      .report(K::data_counts_differ, entry.name.span, context, name + "." + entry.name.name, count, name + "." + first.name,
              examples)
      .note(first.span, "the other one is here");
  return false;
}

/// The sources that the entry has made: `block.entry` is what `--data` calls the first, `block.entry.2` the second.
void DataReader::name_sources(const DataEntry &entry, size_t first) {
  for (size_t i = first; i < elaborator.sources.size(); ++i) {
    std::string &name = elaborator.sources[i].source.name;
    name = block.name.name + "." + entry.name.name;
    if (i > first) name += fmt::format(".{}", i - first + 1);
  }
}

std::optional<DataField> DataReader::field(const DataEntry &entry, const Value &value) {
  bool ok = true;
  const Type declared = elaborator.evaluate_type(*entry.type, context, &ok);
  if (!ok) return std::nullopt;
  const std::optional<TensorValue> tensor = elaborator.as_tensor(value, entry.value->span, context);
  if (!tensor) return std::nullopt;
  DataField result{entry.name.name, entry.name.span, {}, ir::no_node, 0};
  if (!convert(result, entry, *tensor, declared)) return std::nullopt;
  const std::vector<bool> needed = needed_by(context.frame->function(), {result.value.node});
  for (const ir::Input &input : context.frame->function().inputs)
    if (input.kind == ir::InputKind::source && needed[input.node]) return result;
  elaborator.report(K::data_no_source, entry.value->span, context, entry.name.name)
      .note("a source is `csv(…)`, `idx(…)`, `npy(…)` or a list with the examples in front");
  return std::nullopt;
}

/// Values written in a list are checked when compiling, where the field only selects among them.
void DataReader::check_list(const DataField &field, const std::string &type) {
  int number = -1;
  const std::vector<int> selected = source_elements(context.frame->function(), field.checked, number);
  const auto list = lists.find(number);
  if (selected.empty() || list == lists.end()) return;
  const DataSource &source = elaborator.sources[number].source;
  const size_t each = std::accumulate(source.row.begin(), source.row.end(), size_t(1), std::multiplies<>());
  for (size_t example = 0; example < source.values.size(); example += each)
    for (int element : selected) {
      const double value = source.values[example + element];
      if (value >= 0 && value < static_cast<double>(field.limit) && value == std::floor(value)) continue;
      const Span span = element_span(*list->second, example + element, source.values.size());
      elaborator.report(K::literal_not_index, span, context, fmt::format("{}", value), type, field.limit - 1)
          .note(field.span, fmt::format("`{}.{}` is declared {}", block.name.name, field.name, type));
    }
}

/// The field's value in its declared type. What is declared index(n) or bool, but comes as other numbers, is checked when the program runs.
bool DataReader::convert(DataField &field, const DataEntry &entry, const TensorValue &tensor, const Type &declared) {
  const std::string what = fmt::format("the field `{}`", field.name);
  const ElementKind to = declared.element.kind, from = tensor.type.element.kind;
  const bool same_shape = tensor.type.dims.size() == declared.dims.size() &&
                          std::equal(declared.dims.begin(), declared.dims.end(), tensor.type.dims.begin(),
                                     [](const Dim &a, const Dim &b) { return agree(a, b); });
  const bool fits = to == ElementKind::real || from == ElementKind::boolean || from == to || to == ElementKind::i32;
  const bool within =
      to != ElementKind::index || from != ElementKind::index || tensor.type.element.limit.value <= declared.element.limit.value;
  if (to == ElementKind::i32 && from == ElementKind::real) {
    elaborator.report(K::data_conversion, entry.value->span, context, field.name, to_string(declared), to_string(tensor.type))
        .note("declare it `index(n)`, which is checked when the data is read, or `real`");
    return false;
  }
  if (!same_shape || (fits && within)) {
    const auto converted = elaborator.convert_to({tensor}, declared, what, entry.value->span, context);
    if (converted) field.value = *converted;
    return converted.has_value();
  }
  ir::Builder &builder = context.frame->builder();
  builder.set_place(elaborator.source_map().place(entry.value->span));
  const NodeId number = context.frame->use(tensor);
  field.checked = builder.convert(number, Elem::f64);
  field.limit = to == ElementKind::boolean ? 2 : declared.element.limit.value;
  check_list(field, to_string(declared.element));
  const NodeId whole = builder.convert(number, Elem::i32);
  field.value = {context.frame, to == ElementKind::boolean ? builder.convert(whole, Elem::boolean) : whole, declared};
  return true;
}

} // namespace

DataRow read_data(Elaborator &elaborator, const Data &block, const FileScope &file, Frame &frame) {
  return DataReader(elaborator, block, file, frame).read();
}

std::vector<int> source_elements(const ir::Function &function, NodeId id, int &source) {
  const ir::Node &node = function[id];
  auto strides_of = [](const ir::Shape &dims) {
    std::vector<int64_t> strides(dims.size(), 1);
    for (size_t k = dims.size(); k-- > 1;) strides[k - 1] = strides[k] * dims[k].count;
    return strides;
  };
  ir::Count count;
  if (!ir::product(node.type.dims, count) || count.count > INT32_MAX) return {};
  std::vector<int> elements;
  if (node.op == Op::input) {
    const ir::Input &input = function.inputs[std::get<ir::InputAttributes>(node.attributes).number];
    if (input.kind != ir::InputKind::source) return {};
    source = input.slot;
    for (int i = 0; i < count.count; ++i) elements.push_back(i);
    return elements;
  }
  if (node.operands.size() != 1) return {};
  const std::vector<int> operand = source_elements(function, node.operands[0], source);
  if (operand.empty() || node.op == Op::convert || node.op == Op::copy || node.op == Op::reshape) return operand;
  if (node.op != Op::slice) return {};
  const auto &slice = std::get<ir::SliceAttributes>(node.attributes);
  const std::vector<int64_t> strides = strides_of(node.type.dims), from = strides_of(function.type(node.operands[0]).dims);
  for (int64_t i = 0; i < count.count; ++i) {
    int64_t at = 0, rest = i;
    for (size_t k = 0; k < strides.size(); ++k) {
      at += (slice.start[k] + rest / strides[k] * slice.stride[k]) * from[k];
      rest %= strides[k];
    }
    elements.push_back(operand[at]);
  }
  return elements;
}

} // namespace nnc::frontend
