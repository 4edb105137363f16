#include "runtime/predict.h"

#include "runtime/checks.h"
#include "runtime/error.h"
#include "runtime/size.h"

#include <algorithm>
#include <numeric>

namespace nnc::runtime {
namespace {

Dataset inputs(const Description &about, const Options &options) {
  if (!options.in.empty()) return read_inputs(about, options.in);
  std::vector<bool> needed = needed_sources(about);
  if (std::find(needed.begin(), needed.end(), true) == needed.end())
    return Dataset(about, std::vector<Rows>(needed.size()), options.count.value_or(1));
  if (options.count) refuse("--count: the predictions read data, one for each example");
  return Dataset(about, options.data, needed);
}

/// The checks of fields that a prediction may read: those of its sources, and within a csv of the columns that it needs.
std::vector<bool> relevant_checks(const Description &about) {
  std::vector<bool> relevant(about.checks.size());
  auto reads = [](const Prediction &prediction, const Check &check) {
    if (std::find(prediction.sources.begin(), prediction.sources.end(), check.source) == prediction.sources.end()) return false;
    auto needs = [&](int column) {
      return column < 0 || std::find(prediction.columns.begin(), prediction.columns.end(), column) != prediction.columns.end();
    };
    return prediction.columns.empty() || check.columns.empty() || std::any_of(check.columns.begin(), check.columns.end(), needs);
  };
  for (size_t i = 0; i < relevant.size(); i++)
    relevant[i] = std::any_of(about.predictions.begin(), about.predictions.end(),
                              [&](const Prediction &p) { return reads(p, about.checks[i]); });
  return relevant;
}

/// The examples that are predicted: those of the first clause that a prediction reads.
int64_t example_count(const Description &about, const Dataset &data, const Options &options) {
  for (size_t clause = 0; clause < about.data.size(); clause++)
    for (const Prediction &prediction : about.predictions)
      for (int source : prediction.sources)
        if (std::find(about.data[clause].sources.begin(), about.data[clause].sources.end(), source) !=
            about.data[clause].sources.end())
          return data.count(static_cast<int>(clause));
  return options.count.value_or(1);
}

} // namespace

Predictions predict(Model &model, const Options &options) {
  const Description &about = model.about;
  Dataset data = inputs(about, options);
  check_rows(model, data, relevant_checks(about));
  Predictions result{example_count(about, data, options), {}};
  int64_t batch = std::min(options.batch.value_or(about.batch), result.count);
  model.prepare(about.predict_arena, batch);
  std::vector<int64_t> widths; // bytes of one example
  for (const Prediction &prediction : about.predictions) {
    widths.push_back(elements_of(prediction.shape) * static_cast<int64_t>(stored_bytes(prediction.stored)));
    result.values.emplace_back(checked_multiply(result.count, widths.back()).value_or(-1), "predictions");
  }
  std::vector<std::vector<int32_t>> rows(about.data.size(), std::vector<int32_t>(static_cast<size_t>(batch)));
  std::vector<const int32_t *> pointers;
  for (const auto &clause : rows) pointers.push_back(clause.data());
  std::vector<void *> outputs(widths.size());

  for (int64_t first = 0; first < result.count; first += batch) {
    nnc_call call = model.call();
    call.batch = std::min(batch, result.count - first);
    for (size_t clause = 0; clause < rows.size(); clause++)
      for (int64_t i = 0, count = std::max<int64_t>(data.count(static_cast<int>(clause)), 1); i < call.batch; i++)
        rows[clause][static_cast<size_t>(i)] = static_cast<int32_t>((first + i) % count * data.spacing(static_cast<int>(clause)));
    for (size_t i = 0; i < outputs.size(); i++) outputs[i] = result.values[i].data() + first * widths[i];
    call.sources = data.pointers();
    call.rows = pointers.empty() ? nullptr : pointers.data();
    call.outputs = outputs.data();
    model.run(model.module.predict, call);
  }
  return result;
}

} // namespace nnc::runtime
