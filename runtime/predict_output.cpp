// `--out`: predictions as csv, npy or safetensors.

#include "runtime/error.h"
#include "runtime/predict.h"
#include "runtime/safetensors.h"
#include "runtime/size.h"
#include "runtime/write_file.h"

#include <algorithm>

namespace nnc::runtime {
namespace {

enum class Format { csv, npy, safetensors };

Format format_of(const std::string &path) {
  if (path.empty() || path == "-" || path.ends_with(".csv")) return Format::csv;
  if (path.ends_with(".npy")) return Format::npy;
  if (path.ends_with(".safetensors")) return Format::safetensors;
  refuse("--out {}: the name must end in .csv, .npy or .safetensors", path);
}

Element element_of(const Prediction &prediction) {
  return prediction.type == "bool" && prediction.stored == Stored::u8 ? Element::boolean : element_of(prediction.stored);
}

std::vector<int64_t> shape_of(const Prediction &prediction, int64_t count) {
  std::vector<int64_t> shape = {count};
  shape.insert(shape.end(), prediction.shape.begin(), prediction.shape.end());
  return shape;
}

/// RFC 4180: quoted where it holds a separator.
std::string csv_cell(const std::string &text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

void append_value(fmt::memory_buffer &text, const Prediction &prediction, const Memory &values, int64_t index) {
  auto out = fmt::appender(text);
  auto named = [&](int64_t value) {
    if (value >= 0 && value < std::ssize(prediction.names))
      fmt::format_to(out, "{}", csv_cell(prediction.names[static_cast<size_t>(value)]));
    else
      fmt::format_to(out, "{}", value);
  };
  switch (prediction.stored) {
  case Stored::u8: return named(values.as<uint8_t>()[index]);
  case Stored::i32: return named(values.as<int32_t>()[index]);
  case Stored::f32: fmt::format_to(out, "{}", values.as<float>()[index]); return;
  case Stored::f64: fmt::format_to(out, "{}", values.as<double>()[index]); return;
  }
}

/// A column for each element: the prediction's name, with `.0`, `.1`, … where it has a shape.
std::string csv_heading(const Description &about) {
  std::vector<std::string> columns;
  for (const Prediction &prediction : about.predictions)
    for (int64_t i = 0; i < elements_of(prediction.shape); i++)
      columns.push_back(prediction.shape.empty() ? prediction.name : fmt::format("{}.{}", prediction.name, i));
  return fmt::format("{}\n", fmt::join(columns, ","));
}

/// Calls `write` with one piece of the text after the other.
template <class Write> void write_csv(const Description &about, const Predictions &predictions, Write write) {
  constexpr size_t piece = 1u << 16;
  write(csv_heading(about));
  fmt::memory_buffer text;
  auto flush = [&] { write(std::string_view(text.data(), text.size())), text.clear(); };
  for (int64_t row = 0; row < predictions.count; row++) {
    for (size_t p = 0; p < about.predictions.size(); p++) {
      int64_t width = elements_of(about.predictions[p].shape);
      for (int64_t i = 0; i < width; i++) {
        if (p + static_cast<size_t>(i) > 0) text.push_back(',');
        append_value(text, about.predictions[p], predictions.values[p], row * width + i);
      }
    }
    text.push_back('\n');
    if (text.size() >= piece) flush();
  }
  flush();
}

void write_npy(const Prediction &prediction, const Predictions &predictions, const std::string &path) {
  Element element = element_of(prediction);
  const char *kind = element == Element::boolean ? "|b" : element == Element::u8 ? "|u" : element == Element::i32 ? "<i" : "<f";
  std::vector<int64_t> shape = shape_of(prediction, predictions.count);
  std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({},{}), }}", kind,
                                   element_bytes(element), shape[0], fmt::join(shape.begin() + 1, shape.end(), ","));
  constexpr size_t prefix = 10, alignment = 64; // magic, version and length; the data begin at a multiple of 64
  header.resize((prefix + header.size() + alignment) / alignment * alignment - prefix, ' ');
  header.back() = '\n';
  NewFile file(path);
  file.write(std::string_view("\x93NUMPY\x01\x00", 8));
  const unsigned char length[2] = {static_cast<unsigned char>(header.size() & 0xff),
                                   static_cast<unsigned char>(header.size() >> 8)};
  file.write(length, 2);
  file.write(header);
  file.write(predictions.values[0].data(), static_cast<size_t>(elements_of(shape) * element_bytes(element)));
  file.commit();
}

void write_stdout(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail("standard output: writing failed");
}

} // namespace

void check_prediction_format(const Description &about, const std::string &path) {
  Format format = format_of(path);
  if (format == Format::npy && about.predictions.size() != 1)
    refuse("--out {}: an npy file holds one array, but there are {} predictions; use .safetensors or .csv", path,
           about.predictions.size());
  if (!path.empty() && path != "-") check_writable(path);
}

void write_predictions(const Description &about, const Predictions &predictions, const std::string &path) {
  switch (format_of(path)) {
  case Format::csv:
    if (path.empty() || path == "-") {
      write_csv(about, predictions, write_stdout);
      if (std::fflush(stdout) != 0) fail("standard output: writing failed");
    } else {
      NewFile file(path);
      write_csv(about, predictions, [&](std::string_view text) { file.write(text); });
      file.commit();
    }
    return;
  case Format::npy: return write_npy(about.predictions[0], predictions, path);
  case Format::safetensors: {
    std::vector<TensorView> views;
    for (size_t i = 0; i < about.predictions.size(); i++)
      views.push_back({about.predictions[i].name, element_of(about.predictions[i]),
                       shape_of(about.predictions[i], predictions.count), predictions.values[i].data()});
    return write_safetensors(path, views);
  }
  }
}

} // namespace nnc::runtime
