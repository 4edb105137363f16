#include "runtime/info.h"

#include "runtime/element.h"
#include "runtime/error.h"
#include "runtime/size.h"

#include <algorithm>
#include <cstdio>

namespace nnc::runtime {
namespace {

std::string type_text(const char *element, const std::vector<int64_t> &shape) {
  return shape.empty() ? element : fmt::format("{}[{}]", element, fmt::join(shape, ", "));
}

void print_tensors(const Description &about, const std::string &kind, const char *title) {
  int64_t total = 0, count = 0;
  size_t widest = 0;
  for (const Tensor &tensor : about.tensors)
    if (tensor.kind == kind) total += elements_of(tensor.shape), count++, widest = std::max(widest, tensor.name.size());
  if (count == 0) return;
  fmt::print("{}: {} in {} tensor{}\n", title, total, count, count == 1 ? "" : "s");
  for (const Tensor &tensor : about.tensors)
    if (tensor.kind == kind)
      fmt::print("  {:{}}  {:20}  {:>10}  {}\n", tensor.name, widest,
                 type_text(element_name(element_of(tensor.stored)), tensor.shape), elements_of(tensor.shape), tensor.place);
}

void print_data(const Description &about) {
  for (const Data &clause : about.data) {
    fmt::print("data {}\n", clause.name);
    for (int index : clause.sources) {
      const Source &source = about.sources[static_cast<size_t>(index)];
      fmt::print("  {}  {}  {}  {} {}\n", source.name, source.format, source.path.empty() ? "-" : source.path,
                 source.window > 0 ? "windows" : "rows", type_text(element_name(element_of(source.stored)), source.row));
    }
    for (int index : clause.checks)
      fmt::print("  {}: {}\n", about.checks[static_cast<size_t>(index)].field, about.checks[static_cast<size_t>(index)].type);
  }
}

void print_training(const Description &about, int64_t batch) {
  std::string length = about.steps > 0 ? fmt::format("{} steps", about.steps) : fmt::format("{} epochs", about.epochs);
  fmt::print("training: batch {}, {}, seed {}, shuffle {}", about.batch, length, about.seed, about.shuffle ? "on" : "off");
  if (about.validate_data >= 0)
    fmt::print(", validation on {}", about.data[static_cast<size_t>(about.validate_data)].name);
  else if (about.validate_share > 0)
    fmt::print(", validation on {:.4g}% of the data", about.validate_share * 100);
  fmt::print("\n");
  for (const Setting &setting : about.settings) fmt::print("  --set {}={}\n", setting.name, number_text(setting.value));
  for (const Prediction &prediction : about.predictions)
    fmt::print("predicts {}: {}\n", prediction.name, type_text(prediction.type.c_str(), prediction.shape));
  const std::pair<const char *, const Bytes &> entries[] = {
      {"train", about.train_arena}, {"evaluate", about.evaluate_arena}, {"predict", about.predict_arena}};
  fmt::print("memory: state {} bytes", about.state_bytes);
  for (const auto &[name, bytes] : entries) fmt::print(", {} {}", name, arena_bytes(bytes, batch));
  fmt::print(" (batch {})\n", batch);
}

} // namespace

void print_info(const Model &model, int64_t batch) {
  const Description &about = model.about;
  fmt::print("{} ({}), {}, compiled by nnc {} for {}\n", about.model, about.file, about.real, about.nnc, about.cpu);
  print_tensors(about, "parameter", "parameters");
  print_tensors(about, "state", "states");
  print_tensors(about, "optimizer", "optimizer states");
  print_data(about);
  print_training(about, batch);
}

} // namespace nnc::runtime
