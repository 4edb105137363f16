// Whole data files as constants: outside of `data` blocks a source is all of its rows, read when compiling. What a `let` computes of them is evaluated
// at once, in f64, so that it is a number or a constant wherever it is used.

#include "frontend/elaborator.h"
#include "frontend/leaves.h"
#include "frontend/limits.h"
#include "frontend/program_extract.h"
#include "ir/evaluate.h"
#include "ir/limits.h"

#include <algorithm>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;

/// Each stretch of `window` rows of `width` values, one behind the other.
std::vector<double> windows_of(const std::vector<double> &values, int64_t rows, int64_t window, int64_t width) {
  std::vector<double> result;
  for (int64_t i = 0; i < rows; ++i)
    result.insert(result.end(), values.begin() + i * width, values.begin() + (i + window) * width);
  return result;
}

/// A node of more elements than fit in memory, where every one gets some.
const ir::Node *too_large(const ir::Function &function) {
  for (const ir::Node &node : function.nodes) {
    ir::Count elements;
    if (!ir::product(node.type.dims, elements) || elements.count > ir::most_in_memory) return &node;
  }
  return nullptr;
}

} // namespace

/// The rows of the source, windows included, or of the column; null where they cannot be read (reported).
const SourceContent *Elaborator::content(const SourceValue &value, Span span, const Context &context) {
  SourceInfo &info = files[value.file];
  if (const auto found = info.content.find(value.column); found != info.content.end()) return &found->second;
  const auto few = [&](int64_t numbers) {
    if (numbers > max_read)
      report(K::limit_exceeded, span, context, fmt::format("numbers of `{}` that are read when compiling", source_text(value)),
             numbers, max_read);
    return numbers <= max_read;
  };
  DataFile file = info.file;
  SourceHeader header = info.header;
  const int64_t window = std::max<int64_t>(std::exchange(file.window, 0), 1);
  if (info.file.window > 0) header.row.erase(header.row.begin());
  int64_t width = 1;
  for (int64_t extent : header.row)
    if (value.column < 0) width *= extent;
  if (header.rows && !few(*header.rows * window * width)) return nullptr;
  const auto size = source_alphabet(value, span, context);
  if (!size) return nullptr;
  SourceContent read;
  if (info.file.format == "list") {
    read.values = info.values;
    read.rows = static_cast<int64_t>(read.values.size()) / width;
  } else if (options_.data.content) {
    read = options_.data.content(file, header, value.column, *size ? *(*size)->alphabet : Alphabet{});
  }
  if (read.error.empty() && read.rows < window)
    read.error = fmt::format("it has {} rows, which is shorter than a window of {}", read.rows, window);
  if (!read.error.empty()) {
    report(K::source_unreadable, span, context, info.file.path, read.error);
    return nullptr;
  }
  read.rows -= window - 1;
  if (!few(read.rows * window * width)) return nullptr;
  if (info.file.window > 0) read.values = windows_of(read.values, read.rows, window, width);
  return &info.content.emplace(value.column, std::move(read)).first->second;
}

std::optional<TensorValue> Elaborator::read_whole(const SourceValue &value, Type type, Span span, const Context &context) {
  const SourceContent *all = content(value, span, context);
  if (!all) return std::nullopt;
  ++whole_reads_;
  type.dims.insert(type.dims.begin(), {all->rows, nullptr});
  if (!size_ok(type.dims, span, context)) return std::nullopt;
  return make(context.frame->builder().constant(ir_type(type), all->values), type, context);
}

/// The value of a `let` with its tensors evaluated: a scalar is a number, the others are put into `known`, where their leaves' nodes count them. Nothing
/// where a draw or the like keeps it from being known.
std::optional<Value> Elaborator::known_value(const Value &value, std::vector<KnownTensor> &known) {
  std::vector<ir::Output> outputs;
  for_each_leaf(value, [&](const Value &leaf) {
    if (const auto *tensor = leaf.get<TensorValue>())
      outputs.push_back({ir::OutputKind::result, static_cast<int>(outputs.size()), "", constant_frame_->use(*tensor)});
  });
  const ir::Function function = extract(constant_frame_->function(), "let", outputs, {}, ExtractMode::as_it_is);
  if (!function.inputs.empty()) return std::nullopt;
  if (const ir::Node *large = too_large(function)) {
    Type type;
    for (const ir::Extent &extent : large->type.dims) type.dims.push_back({extent.count, nullptr});
    diagnostics_.report(K::tensor_too_large, large->place, to_string(type), ir::most_in_memory)
        .note("a `let` of whole data is computed when compiling, each of its tensors in memory");
    return std::nullopt;
  }
  const std::vector<ir::Array> results =
      ir::evaluate(function, 1, [](const ir::Input &, const ir::Type &) -> ir::Array { return {}; });
  size_t next = 0;
  return map_leaves(value, [&](const Value &leaf) -> Value {
    const auto *tensor = leaf.get<TensorValue>();
    if (!tensor) return leaf;
    const std::vector<double> &values = results[next++].values;
    if (tensor->type.dims.empty() && tensor->type.element.kind == ElementKind::boolean) return {values[0] != 0};
    if (tensor->type.dims.empty()) return {NumberValue{Number::real(values[0])}};
    known.push_back({tensor->type, values});
    return {TensorValue{nullptr, static_cast<ir::NodeId>(known.size() - 1), tensor->type}};
  });
}

/// The value with what is known as constants of the context's frame.
Value Elaborator::use_known(const Value &value, const std::vector<KnownTensor> &known, const Context &context) {
  if (known.empty()) return value;
  ++whole_reads_;
  return map_leaves(value, [&](const Value &leaf) -> Value {
    const auto *tensor = leaf.get<TensorValue>();
    if (!tensor) return leaf;
    const KnownTensor &one = known[tensor->node];
    return {make(context.frame->builder().constant(ir_type(one.type), one.values), one.type, context)};
  });
}

} // namespace nnc::frontend
