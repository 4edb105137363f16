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

/// What keeps `found` from being `wanted`, which the file should call `name`; empty where nothing does.
std::string mismatch(const Tensor &wanted, const std::string &name, const NamedTensor *found) {
  if (!found) return fmt::format("{}: not in the file", name);
  if (found->shape != wanted.shape)
    return fmt::format("{}: {} in the file, {} in the model", name, shape_text(found->shape), shape_text(wanted.shape));
  return {};
}

/// Buffers of PyTorch's modules that no model of this language has: they change no result.
bool is_counter(const NamedTensor &tensor) {
  return tensor.name == "num_batches_tracked" || tensor.name.ends_with(".num_batches_tracked");
}

/// PyTorch's recurrent layers number their parameters by layer; those of this language have one, with the names of PyTorch's cells.
std::string without_layer(const std::string &name) {
  const std::string first_layer = "_l0";
  return name.ends_with(first_layer) ? name.substr(0, name.size() - first_layer.size()) : name;
}

/// A tensor of the model and the name by which a file has it.
struct Wanted {
  const Tensor *tensor;
  std::string name;
};

/// A file of parameters, by name.
class ParameterFile {
public:
  explicit ParameterFile(const std::string &path) : path(path), tensors(read_safetensors(path)) {
    for (const NamedTensor &tensor : tensors) by_name.emplace(tensor.name, &tensor);
    for (const NamedTensor &tensor : tensors) by_name.emplace(without_layer(tensor.name), &tensor);
  }

  const NamedTensor *find(const std::string &name) const {
    auto place = by_name.find(name);
    return place == by_name.end() ? nullptr : place->second;
  }

  /// Sets all that is wanted, or changes nothing and throws Error with every fault. `others`: what else there is in the file is a fault.
  void set(Model &model, const std::vector<Wanted> &wanted, bool others) {
    std::vector<std::string> faults;
    for (const Wanted &one : wanted) {
      if (std::string fault = mismatch(*one.tensor, one.name, find(one.name)); !fault.empty()) faults.push_back(fault);
    }
    for (const NamedTensor &tensor : tensors)
      if (others && !is_counter(tensor) &&
          std::none_of(wanted.begin(), wanted.end(), [&](const Wanted &w) { return find(w.name) == &tensor; }))
        faults.push_back(fmt::format("{}: not in the model", shown(tensor.name)));
    if (!faults.empty()) fail("{} does not match the model {}:\n  {}", path, model.about.model, fmt::join(faults, "\n  "));
    std::vector<Memory> converted; // first all, so that a value that does not fit changes nothing
    for (const Wanted &one : wanted) converted.push_back(converted_to(*one.tensor, *find(one.name)));
    for (size_t i = 0; i < wanted.size(); i++)
      std::copy_n(converted[i].data(), converted[i].size(), model.tensor(*wanted[i].tensor));
  }

private:
  Memory converted_to(const Tensor &wanted, const NamedTensor &found) const {
    int64_t count = elements_of(wanted.shape);
    Memory bytes(count * static_cast<int64_t>(stored_bytes(wanted.stored)), "parameters");
    if (found.dtype == element_of(wanted.stored)) // as they are, finite or not
      std::copy_n(found.bytes.data(), found.bytes.size(), bytes.data());
    else if (auto fault = convert(found.bytes.data(), found.dtype, false, count, wanted.stored, bytes.data()))
      fail("{}: {}: element {}: {}", path, found.name, fault->index, fault->reason);
    return bytes;
  }

  const std::string path;
  const std::vector<NamedTensor> tensors;
  std::unordered_map<std::string, const NamedTensor *> by_name;
};

/// What `load … into` names: by the names that the model saves, or where the file has none of these by those of the instance alone.
std::vector<Wanted> wanted_of(const Model &model, const Load &load, const ParameterFile &file) {
  std::vector<Wanted> saved, alone;
  for (size_t i = 0; i < load.tensors.size(); i++) {
    const Tensor &tensor = model.about.tensors[static_cast<size_t>(load.tensors[i])];
    saved.push_back({&tensor, tensor.name});
    alone.push_back({&tensor, load.alone[i]});
  }
  auto is_there = [&](const Wanted &wanted) { return file.find(wanted.name) != nullptr; };
  bool is_alone = std::none_of(saved.begin(), saved.end(), is_there) && std::any_of(alone.begin(), alone.end(), is_there);
  return is_alone ? alone : saved;
}

} // namespace

void save_parameters(const Model &model, const std::string &path) {
  std::vector<TensorView> views;
  for (const Tensor &tensor : model.about.tensors)
    if (is_saved(tensor)) views.push_back({tensor.name, element_of(tensor.stored), tensor.shape, model.tensor(tensor)});
  write_safetensors(path, views, {{"model", model.about.model}, {"nnc", model.about.nnc}});
}

void load_parameters(Model &model, const std::string &path) {
  std::vector<Wanted> wanted;
  for (const Tensor &tensor : model.about.tensors)
    if (is_saved(tensor)) wanted.push_back({&tensor, tensor.name});
  ParameterFile(path).set(model, wanted, true);
}

void load_clauses(Model &model) {
  for (const Load &load : model.about.load) {
    std::string path = find_file(load.file, model.about.directory);
    if (load.tensors.empty()) {
      load_parameters(model, path);
      continue;
    }
    ParameterFile file(path);
    file.set(model, wanted_of(model, load, file), false);
  }
}

} // namespace nnc::runtime
