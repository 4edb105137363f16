#include "frontend/data_block.h"

#include "frontend/list_source.h"
#include "frontend/program_extract.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;
using ir::Elem;
using ir::NodeId;
using ir::Op;

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
  bool same_count(const DataEntry &, int64_t count);
  void compare_counts(const DataEntry &);
  void check_list(const DataField &, const std::string &type);
  void note_touched(const DataEntry &);
  void name_sources();
  std::optional<DataField> field(const DataEntry &, const Value &);
  bool check_alphabet(const DataEntry &, const TensorValue &, const Type &declared);
  bool convert(DataField &, const DataEntry &, const TensorValue &, const Type &);

  Elaborator &elaborator;
  const Data &block;
  Scope scope;
  Activation activation;
  Context context;
  DataRow row;
  std::map<int, const Expr *> lists;                   // the text of each source that is a list
  std::map<int, std::string> entries;                  // of each file that is named here: by which entry first
  std::optional<std::pair<Identifier, int64_t>> first; // the first source whose number of examples is known: its entry and that
  size_t compared = 0;                                 // the sources before this number are compared with it
};

DataRow DataReader::read() {
  elaborator.read_blocks.insert(&block);
  elaborator.reading_data = true;
  elaborator.first_source = compared = elaborator.sources.size();
  for (const DataEntry &entry : block.entries) read_entry(entry);
  elaborator.reading_data = false;
  name_sources();
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
  elaborator.touched.clear();
  Value value = entry_value(entry);
  note_touched(entry);
  if (!entry.type) {
    if (const auto *source = value.get<SourceValue>(); source && elaborator.files[source->file].called.empty())
      elaborator.files[source->file].called = entry.name.name;
    elaborator.bind(entry.name, std::move(value), context);
    return;
  }
  const std::optional<DataField> made = value.poison() ? std::nullopt : field(entry, value);
  note_touched(entry);
  compare_counts(entry);
  scope.locals[entry.name.name] = {made ? Value{made->value} : Value{}, entry.name.span};
  if (made) row.fields.push_back(*made);
}

/// The entry's value; of a list literal the source that it is.
Value DataReader::entry_value(const DataEntry &entry) {
  Value value = elaborator.evaluate(*entry.value, context);
  const auto *items = value.get<ListValue>();
  if (!items) return value;
  std::optional<ListRows> rows = list_rows(elaborator, *items, entry.name.name, entry.value->span, context);
  if (!rows || !same_count(entry, static_cast<int64_t>(items->items->size()))) return {};
  const bool integers = entry.type && entry.type->name.name == "i32" && rows->are_integers();
  SourceInfo info = list_source(std::move(*rows), integers, elaborator.options().real);
  info.place = elaborator.source_map().place(entry.value->span);
  Value made = elaborator.add_source(std::move(info));
  lists[made.get<SourceValue>()->file] = entry.value.get();
  return made;
}

/// Whether the source of the entry has as many examples as the first one of the block (reported).
bool DataReader::same_count(const DataEntry &entry, int64_t count) {
  if (!first) first = {entry.name, count};
  const auto &[other, examples] = *first;
  if (count == examples) return true;
  const std::string &name = block.name.name;
  elaborator
      .report(K::data_counts_differ, entry.name.span, context, name + "." + entry.name.name, count, name + "." + other.name,
              examples)
      .note(other.span, "the other one is here");
  return false;
}

/// The sources that the entry is the first to draw, as far as compiling knows how many rows they have.
void DataReader::compare_counts(const DataEntry &entry) {
  for (; compared < elaborator.sources.size(); ++compared)
    if (const auto rows = elaborator.files[elaborator.sources[compared].file].header.rows) same_count(entry, *rows);
}

void DataReader::note_touched(const DataEntry &entry) {
  for (int file : elaborator.touched) entries.emplace(file, entry.name.name);
}

/// `block.entry` is what `--data` calls the first source of an entry, `block.entry.2` the second.
void DataReader::name_sources() {
  std::map<std::string, int> taken;
  for (size_t i = elaborator.first_source; i < elaborator.sources.size(); ++i) {
    std::string &name = elaborator.sources[i].source.name;
    name = block.name.name + "." + entries.at(elaborator.sources[i].file);
    if (const int number = ++taken[name]; number > 1) name += fmt::format(".{}", number);
  }
}

std::optional<DataField> DataReader::field(const DataEntry &entry, const Value &value) {
  bool ok = true;
  const Type declared = elaborator.evaluate_type(*entry.type, context, &ok);
  if (!ok) return std::nullopt;
  if (const auto *source = value.get<SourceValue>();
      source && elaborator.is_text(*source) && declared.element.kind != ElementKind::index) {
    elaborator.report(K::data_text_field, entry.value->span, context, entry.name.name, to_string(declared))
        .note("declare it `index(n)`: its values are indices into the column's sorted different texts, as many as its `.size` "
              "says");
    return std::nullopt;
  }
  const std::optional<TensorValue> tensor = elaborator.as_tensor(value, entry.value->span, context);
  if (!tensor || !check_alphabet(entry, *tensor, declared)) return std::nullopt;
  DataField result{entry.name.name, entry.name.span, {}, ir::no_node, 0};
  if (!convert(result, entry, *tensor, declared)) return std::nullopt;
  const std::vector<bool> needed = needed_by(context.frame->function(), {result.value.node});
  for (const ir::Input &input : context.frame->function().inputs)
    if (input.kind == ir::InputKind::source && needed[input.node]) return result;
  elaborator.report(K::data_no_source, entry.value->span, context, entry.name.name)
      .note("a source is `csv(…)`, `idx(…)`, `npy(…)` or another file, or a list with the examples in front");
  return std::nullopt;
}

/// Whether what the values mean fits what the type says (reported). The names of an index that only the field knows are noted for predictions.
bool DataReader::check_alphabet(const DataEntry &entry, const TensorValue &value, const Type &declared) {
  const Element &have = value.type.element, &want = declared.element;
  const DimName *size = have.kind == ElementKind::index && !have.variable ? have.limit.name : nullptr;
  if (!size || !size->alphabet || want.kind != ElementKind::index) return true;
  const auto called = [](const DimName &name) { return fmt::format("`{}`", name.text.substr(0, name.text.rfind(".size"))); };
  const std::string type = to_string(want), source = called(*size);
  if (want.limit.value < have.limit.value) {
    elaborator.report(K::data_alphabet_size, entry.value->span, context, entry.name.name, type, source, have.limit.value)
        .note(fmt::format("`index({})` holds them", size->text));
    return false;
  }
  if (!want.limit.name) return true;
  if (want.limit.name->alphabet) {
    if (*want.limit.name->alphabet == *size->alphabet) return true;
    elaborator
        .report(K::data_alphabets_differ, entry.value->span, context, entry.name.name, type, source, called(*want.limit.name))
        .note("an index would mean another value in each");
    return false;
  }
  auto &names = elaborator.field_alphabets.emplace(want.limit.name, size->alphabet).first->second;
  if (names && *names != *size->alphabet) names = nullptr;
  return true;
}

/// Values written in a list are checked when compiling, where the field only selects among them.
void DataReader::check_list(const DataField &field, const std::string &type) {
  int number = -1;
  const std::vector<int> selected = source_elements(context.frame->function(), field.checked, number);
  if (selected.empty()) return;
  const auto list = lists.find(elaborator.sources[number].file);
  if (list == lists.end()) return;
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
