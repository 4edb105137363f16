#include "runtime/parameters.h"

#include "runtime/error.h"
#include "runtime/probe.h"
#include "runtime/safetensors.h"
#include "runtime/size.h"

#include <algorithm>
#include <unordered_map>

namespace nnc::runtime {
namespace {

bool is_saved(const Tensor &tensor) { return tensor.kind == "parameter" || tensor.kind == "state"; }

std::string shape_text(const std::vector<int64_t> &shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

/// What keeps `found` from being `wanted`; empty where nothing does.
std::string mismatch(const Tensor &wanted, const NamedTensor *found) {
  if (!found) return fmt::format("{}: not in the file", wanted.name);
  if (found->shape != wanted.shape)
    return fmt::format("{}: {} in the file, {} in the model", wanted.name, shape_text(found->shape), shape_text(wanted.shape));
  return {};
}

} // namespace

void save_parameters(const Model &model, const std::string &path) {
  std::vector<TensorView> views;
  for (const Tensor &tensor : model.about.tensors)
    if (is_saved(tensor)) views.push_back({tensor.name, element_of(tensor.stored), tensor.shape, model.tensor(tensor)});
  write_safetensors(path, views, {{"model", model.about.model}, {"nnc", model.about.nnc}});
}

void load_parameters(Model &model, const std::string &path) {
  std::vector<NamedTensor> tensors = read_safetensors(path);
  std::unordered_map<std::string, const NamedTensor *> by_name;
  for (const NamedTensor &tensor : tensors) by_name.emplace(tensor.name, &tensor);
  std::vector<std::pair<const Tensor *, const NamedTensor *>> pairs;
  std::vector<std::string> faults;
  for (const Tensor &wanted : model.about.tensors) {
    if (!is_saved(wanted)) continue;
    auto place = by_name.find(wanted.name);
    const NamedTensor *found = place == by_name.end() ? nullptr : place->second;
    if (std::string fault = mismatch(wanted, found); !fault.empty())
      faults.push_back(fault);
    else
      pairs.emplace_back(&wanted, found);
    if (found) by_name.erase(place);
  }
  for (const NamedTensor &tensor : tensors)
    if (by_name.contains(tensor.name)) faults.push_back(fmt::format("{}: not in the model", shown(tensor.name)));
  if (!faults.empty()) fail("{} does not match the model {}:\n  {}", path, model.about.model, fmt::join(faults, "\n  "));
  std::vector<Memory> converted; // first all, so that a value that does not fit changes nothing
  for (const auto &[wanted, found] : pairs) {
    int64_t count = elements_of(wanted->shape);
    converted.emplace_back(count * static_cast<int64_t>(stored_bytes(wanted->stored)), "parameters");
    if (found->dtype == element_of(wanted->stored)) // as they are, finite or not
      std::copy_n(found->bytes.data(), found->bytes.size(), converted.back().data());
    else if (auto fault = convert(found->bytes.data(), found->dtype, false, count, wanted->stored, converted.back().data()))
      fail("{}: {}: element {}: {}", path, wanted->name, fault->index, fault->reason);
  }
  for (size_t i = 0; i < pairs.size(); i++) std::copy_n(converted[i].data(), converted[i].size(), model.tensor(*pairs[i].first));
}

void load_clauses(Model &model) {
  for (const std::string &path : model.about.load) load_parameters(model, find_file(path, model.about.directory));
}

} // namespace nnc::runtime
