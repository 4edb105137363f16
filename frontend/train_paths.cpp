#include "frontend/train_paths.h"

#include <algorithm>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;

/// The parts that a value has, by name; those of a list are numbers.
std::vector<std::pair<std::string, Value>> parts_of(const Value &value) {
  std::vector<std::pair<std::string, Value>> parts;
  if (const auto *instance = value.get<InstanceValue>()) {
    for (const std::string &name : instance->instance->order)
      if (auto member = instance->instance->members.find(name); member != instance->instance->members.end())
        parts.emplace_back(*member);
  } else if (const auto *list = value.get<ListValue>()) {
    for (const Value &item : *list->items) parts.emplace_back(std::to_string(parts.size()), item);
  }
  return parts;
}

void add_slots(const Elaborator &elaborator, const Value &value, std::set<int> &slots) {
  if (const auto *slot = value.get<SlotValue>()) slots.insert(slot->slot);
  if (const auto *instance = value.get<InstanceValue>())
    for (int slot : elaborator.slots(*instance->instance)) slots.insert(slot);
  if (const auto *list = value.get<ListValue>())
    for (const Value &item : *list->items) add_slots(elaborator, item, slots);
}

/// The name that a part asks for, "" for any; nothing where a subscript is no number (reported).
std::optional<std::string> wanted_name(Elaborator &elaborator, const PathPart &part, const Context &context) {
  if (part.kind == PathPart::Kind::any) return "";
  if (part.kind != PathPart::Kind::subscript) return part.name.name;
  const auto index = elaborator.as_integer(elaborator.evaluate(*part.subscript, context), "a subscript of a path",
                                           part.subscript->span, context);
  return index ? std::optional(std::to_string(*index)) : std::nullopt;
}

std::vector<std::string> names_of(const std::vector<std::pair<std::string, Value>> &parts) {
  std::vector<std::string> names;
  for (const auto &[name, value] : parts) names.push_back(name);
  return names;
}

std::string suggestion(const std::string &name, const std::vector<std::string> &names) {
  const std::string near = nearest_name(name, names);
  return near.empty() ? "" : fmt::format("; did you mean `{}`?", near);
}

} // namespace

std::set<int> resolve_path(Elaborator &elaborator, const Path &path, const Context &context) {
  auto fail = [&](const std::string &why) {
    elaborator.report(K::path_unknown, path.span, context, elaborator.source_map().text(path.span), why);
    return std::set<int>{};
  };
  // The values that the parts so far name; at first the bindings of the train block.
  std::vector<std::pair<std::string, Value>> parts;
  for (const auto &[name, local] : context.scope->locals)
    if (local.value.is<InstanceValue>() || local.value.is<ListValue>() || local.value.poison())
      parts.emplace_back(name, local.value);
  std::vector<Value> values;
  for (size_t i = 0; i < path.parts.size(); ++i) {
    const auto wanted = wanted_name(elaborator, path.parts[i], context);
    if (!wanted) return {};
    if (i > 0) {
      parts.clear();
      for (const Value &value : values)
        for (auto &part : parts_of(value)) parts.push_back(std::move(part));
    }
    values.clear();
    for (const auto &[name, value] : parts)
      if (wanted->empty() || *wanted == name) values.push_back(value);
    if (std::any_of(values.begin(), values.end(), [](const Value &value) { return value.poison(); })) return {}; // reported
    if (values.empty()) {
      const std::string where =
          i == 0 ? "no instance is bound to that name in this `train` block" : fmt::format("there is no part `{}`", *wanted);
      return fail(where + suggestion(*wanted, names_of(parts)));
    }
  }
  std::set<int> slots;
  for (const Value &value : values) add_slots(elaborator, value, slots);
  return slots.empty() ? fail("it has none") : slots;
}

std::set<int> resolve_paths(Elaborator &elaborator, const std::vector<Path> &paths, const Context &context) {
  std::set<int> slots;
  for (const Path &path : paths) slots.merge(resolve_path(elaborator, path, context));
  return slots;
}

} // namespace nnc::frontend
