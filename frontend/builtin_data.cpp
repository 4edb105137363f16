// Functions that name data sources. The runtime's readers are found by the same names (runtime/format.cpp).

#include "frontend/builtin.h"

#include <algorithm>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;

/// The string that argument `i` is; nothing where it is none (reported).
std::optional<std::string> text(const BuiltinCall &call, size_t i, const char *expected) {
  if (const auto *found = call.arguments[i].value.get<std::string>()) return *found;
  call.report(K::operand_type, call.arguments[i].span, fmt::format("`{}`", call.builtin.name), expected,
              call.elaborator.describe(call.arguments[i].value));
  return std::nullopt;
}

std::optional<DataFile> file_of(const BuiltinCall &call) {
  const auto path = text(call, 0, "a path in quotes");
  if (!path) return std::nullopt;
  DataFile file;
  file.format = call.builtin.name;
  file.path = *path;
  return file;
}

Value make(const BuiltinCall &call, const DataFile &file) {
  return call.elaborator.make_source(file, call.arguments[0].span, call.context);
}

Value source(const BuiltinCall &call) {
  const auto file = file_of(call);
  return file ? make(call, *file) : Value{};
}

Value table(const BuiltinCall &call) {
  auto file = file_of(call);
  if (!file) return {};
  if (call.arguments.size() > 1) {
    const auto header = call.integer(1, 0);
    if (!header) return {};
    file->header = static_cast<int>(std::min<int64_t>(*header, 1'000'000));
  }
  return make(call, *file);
}

Value array_of(const BuiltinCall &call) {
  auto file = file_of(call);
  const auto key = text(call, 1, "the name of an array in quotes");
  if (!file || !key) return {};
  file->key = *key;
  return make(call, *file);
}

Value windows(const BuiltinCall &call) {
  const auto length = call.integer(1, 1);
  return length ? call.elaborator.make_windows(call.arguments[0], *length, call.span, call.context) : Value{};
}

constexpr Builtin functions[] = {
    {"csv", "path, header", 1, 2, table, "the rows of a table; a column of text is an index into its sorted different values"},
    {"idx", "path", 1, 1, source, "an array in IDX format"},
    {"npy", "path", 1, 1, source, "an array in NumPy format"},
    {"npz", "path, key", 2, 2, array_of, "an array of a NumPy archive"},
    {"safetensors", "path, key", 2, 2, array_of, "a tensor of a safetensors file"},
    {"bytes", "path", 1, 1, source, "the bytes of a file, each an index(256)"},
    {"chars", "path", 1, 1, source, "the characters of a UTF-8 text, each an index into its sorted different ones"},
    {"lines", "path", 1, 1, source, "the lines of a UTF-8 text, padded at the end with index 0 to the longest"},
    {"windows", "sequence, length", 2, 2, windows, "every stretch of that length"},
};

} // namespace

std::span<const Builtin> data_builtins() { return functions; }

} // namespace nnc::frontend
