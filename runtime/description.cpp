// The description as JSON. Each structure names its members once, in `members`; writing and reading both go through it.

#include "runtime/description.h"

#include "runtime/module.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <type_traits>

namespace nnc::runtime {
namespace {

using Json = nlohmann::ordered_json;

constexpr struct {
  Stored stored;
  const char *name;
  size_t bytes;
} stored_types[] = {{Stored::u8, "u8", 1}, {Stored::i32, "i32", 4}, {Stored::f32, "f32", 4}, {Stored::f64, "f64", 8}};

template <class Visit> void members(Tensor &t, Visit visit) {
  visit("name", t.name), visit("kind", t.kind), visit("stored", t.stored), visit("shape", t.shape);
  visit("offset", t.offset), visit("place", t.place);
}

template <class Visit> void members(Alphabet &a, Visit visit) { visit("column", a.column), visit("values", a.values); }

template <class Visit> void members(Source &s, Visit visit) {
  visit("name", s.name), visit("format", s.format), visit("path", s.path), visit("directory", s.directory);
  visit("header", s.header), visit("key", s.key), visit("window", s.window), visit("stored", s.stored), visit("row", s.row);
  visit("values", s.values), visit("used", s.used), visit("alphabets", s.alphabets), visit("names", s.names);
  visit("limit", s.limit);
}

template <class Visit> void members(Check &c, Visit visit) {
  visit("field", c.field), visit("type", c.type), visit("limit", c.limit), visit("elements", c.elements);
  visit("source", c.source), visit("columns", c.columns);
}

template <class Visit> void members(Data &d, Visit visit) {
  visit("name", d.name), visit("sources", d.sources), visit("checks", d.checks);
}

template <class Visit> void members(Prediction &p, Visit visit) {
  visit("name", p.name), visit("type", p.type), visit("stored", p.stored), visit("shape", p.shape);
  visit("sources", p.sources), visit("columns", p.columns), visit("names", p.names);
}

template <class Visit> void members(Setting &s, Visit visit) { visit("name", s.name), visit("value", s.value); }

template <class Visit> void members(Load &l, Visit visit) {
  visit("file", l.file), visit("tensors", l.tensors), visit("alone", l.alone);
}

template <class Visit> void members(KernelAbout &k, Visit visit) {
  visit("name", k.name), visit("place", k.place), visit("makes", k.makes), visit("turns", k.turns);
  visit("operations", k.operations), visit("bytes", k.bytes);
}

template <class Visit> void members(Description &d, Visit visit) {
  visit("version", d.version), visit("nnc", d.nnc), visit("model", d.model), visit("file", d.file);
  visit("directory", d.directory), visit("real", d.real), visit("cpu", d.cpu), visit("state_bytes", d.state_bytes);
  visit("stack_bytes", d.stack_bytes);
  visit("init_arena", d.init_arena), visit("train_arena", d.train_arena), visit("evaluate_arena", d.evaluate_arena);
  visit("predict_arena", d.predict_arena), visit("check_arena", d.check_arena), visit("report_arena", d.report_arena);
  visit("tensors", d.tensors), visit("sources", d.sources), visit("checks", d.checks), visit("data", d.data);
  visit("costs", d.costs), visit("cost_places", d.cost_places), visit("reports", d.reports);
  visit("reports_of_pass", d.reports_of_pass), visit("sums", d.sums);
  visit("predictions", d.predictions), visit("settings", d.settings);
  visit("validate_share", d.validate_share), visit("validate_data", d.validate_data);
  visit("batch", d.batch), visit("epochs", d.epochs), visit("steps", d.steps), visit("seed", d.seed);
  visit("shuffle", d.shuffle), visit("reads_epoch", d.reads_epoch), visit("load", d.load), visit("kernels", d.kernels);
  visit("kernels_one", d.kernels_one);
}

template <class T> struct Items : std::false_type {};
template <class T> struct Items<std::vector<T>> : std::true_type {};

template <class T> Json write(const T &value) {
  if constexpr (std::is_same_v<T, Stored>) {
    return stored_types[static_cast<size_t>(value)].name;
  } else if constexpr (std::is_same_v<T, std::optional<int>>) {
    return value ? Json(*value) : Json(nullptr);
  } else if constexpr (Items<T>::value) {
    Json result = Json::array();
    for (const auto &item : value) result.push_back(write(item));
    return result;
  } else if constexpr (requires(T &t) { members(t, [](const char *, auto &) {}); }) {
    Json result = Json::object();
    members(const_cast<T &>(value), [&](const char *name, const auto &member) { result[name] = write(member); });
    return result;
  } else {
    return value;
  }
}

template <class T> void read(const Json &json, T &value) {
  if constexpr (std::is_same_v<T, Stored>) {
    const auto &text = json.get_ref<const std::string &>();
    for (const auto &type : stored_types)
      if (text == type.name) return void(value = type.stored);
    throw std::runtime_error(fmt::format("no element type is named `{}`", text));
  } else if constexpr (std::is_same_v<T, std::optional<int>>) {
    value = json.is_null() ? std::nullopt : std::optional(json.get<int>());
  } else if constexpr (Items<T>::value) {
    value.clear();
    for (const Json &item : json.get_ref<const Json::array_t &>()) read(item, value.emplace_back());
  } else if constexpr (requires { members(value, [](const char *, auto &) {}); }) {
    members(value, [&](const char *name, auto &member) { read(json.at(name), member); });
  } else {
    json.get_to(value);
  }
}

} // namespace

size_t stored_bytes(Stored stored) { return stored_types[static_cast<size_t>(stored)].bytes; }

size_t report_slots(const Description &about) { return about.reports.size() + static_cast<size_t>(about.sums); }

std::string to_json(const Description &description) { return write(description).dump(); }

std::string kernels_to_json(const std::vector<KernelAbout> &kernels) { return write(kernels).dump(); }

std::vector<KernelAbout> kernels_from_json(const std::string &text) {
  std::vector<KernelAbout> kernels;
  if (!text.empty()) read(Json::parse(text), kernels);
  return kernels;
}

Description from_json(const std::string &text) {
  try {
    Json json = Json::parse(text);
    if (int version = json.at("version").get<int>(); version != NNC_MODULE_VERSION)
      throw std::runtime_error(fmt::format("its version is {}, this runtime reads {}", version, NNC_MODULE_VERSION));
    Description result;
    read(json, result);
    return result;
  } catch (const std::exception &error) { // nlohmann's errors name the member or the byte
    throw std::runtime_error(fmt::format("the model's description cannot be read: {}", error.what()));
  }
}

} // namespace nnc::runtime
