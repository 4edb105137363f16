// Values in words, for messages and `--emit=typed`.

#include "frontend/builtin.h"
#include "frontend/elaborator.h"

#include <algorithm>

namespace nnc::frontend {

std::string Elaborator::short_text(const Value &value) const {
  if (const auto *number = value.get<NumberValue>()) return number->name ? number->name->text : number->number.text();
  if (const auto *condition = value.get<bool>()) return *condition ? "true" : "false";
  if (const auto *text = value.get<std::string>()) return fmt::format("\"{}\"", *text);
  if (const auto *model = value.get<ModelValue>()) return model->declaration->name.name;
  if (const auto *instance = value.get<InstanceValue>()) return instance->instance->description;
  if (const auto *function = value.get<FunctionValue>()) return function->declaration->name.name;
  if (const auto *builtin = value.get<BuiltinValue>()) return builtin->builtin->name;
  if (const auto *items = value.get<ListValue>()) {
    std::string text;
    for (const Value &item : *items->items) text += (text.empty() ? "" : ", ") + short_text(item);
    return "[" + text + "]";
  }
  return describe(value);
}

std::string Elaborator::describe(const Value &value) const {
  if (const auto *tensor = value.get<TensorValue>()) return to_string(tensor->type);
  if (const auto *slot = value.get<SlotValue>()) return to_string(tensors[slot->slot].type);
  if (const auto *number = value.get<NumberValue>()) return fmt::format("the number {}", number->number.text());
  if (value.is<BatchValue>()) return "`batch`, the number of examples";
  if (const auto *condition = value.get<bool>()) return *condition ? "true" : "false";
  if (value.is<std::string>()) return "the string " + short_text(value);
  if (const auto *items = value.get<TupleValue>()) {
    std::string text;
    for (const Value &item : *items->items) text += (text.empty() ? "" : ", ") + describe(item);
    return items->items->empty() ? "nothing" : "(" + text + ")";
  }
  if (const auto *items = value.get<ListValue>()) return fmt::format("a list of {}", items->items->size());
  if (value.is<InstanceValue>()) return "an instance " + short_text(value);
  if (value.is<ModelValue>()) return fmt::format("the model `{}`", short_text(value));
  if (value.is<FunctionValue>() || value.is<BuiltinValue>()) return fmt::format("the function `{}`", short_text(value));
  if (const auto *source = value.get<SourceValue>())
    return is_text(*source) ? fmt::format("the column of text {}", source_text(*source))
                            : fmt::format("the data source \"{}\"", files[source->file].file.path);
  return value.is<RecordValue>() ? "the fields of a `data` block" : "nothing";
}

std::string Elaborator::print_typed() const {
  // Per line the names that it binds.
  std::map<std::pair<uint32_t, int>, std::string> beside;
  std::set<uint32_t> files;
  for (const auto &[key, binding] : typed_) {
    std::string types;
    for (const std::string &type : binding.types) types += (types.empty() ? "" : " or ") + type;
    std::string &line = beside[{key.first, sources_.file(key.first).line_column(key.second).line}];
    line += fmt::format("{}{}: {}", line.empty() ? "" : ", ", binding.name, types);
    files.insert(key.first);
  }
  std::string text;
  for (uint32_t number : files) {
    const SourceFile &file = sources_.file(number);
    const int last = file.line_column(static_cast<uint32_t>(file.text().size())).line;
    int width = 0;
    for (int line = 1; line <= last; ++line)
      if (beside.contains({number, line})) width = std::max(width, static_cast<int>(file.line(line).size()));
    for (int line = 1; line <= last; ++line) {
      const auto found = beside.find({number, line});
      text += found == beside.end() ? std::string(file.line(line))
                                    : fmt::format("{:<{}}  # {}", file.line(line), width, found->second);
      if (line < last || !file.line(line).empty()) text += '\n';
    }
  }
  return text;
}

} // namespace nnc::frontend
