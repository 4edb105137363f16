#include "runtime/safetensors.h"

#include "runtime/error.h"
#include "runtime/input.h"
#include "runtime/size.h"
#include "runtime/write_file.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

namespace nnc::runtime {
namespace {

static_assert(std::endian::native == std::endian::little, "the tensors' bytes are written as they lie in memory");

constexpr int64_t longest_header = 100'000'000; // the reference implementation's limit
constexpr size_t most_axes = 64;

constexpr struct {
  Element element;
  const char *name;
} dtypes[] = {{Element::boolean, "BOOL"}, {Element::u8, "U8"},   {Element::i8, "I8"},     {Element::u16, "U16"},
              {Element::i16, "I16"},      {Element::u32, "U32"}, {Element::i32, "I32"},   {Element::u64, "U64"},
              {Element::i64, "I64"},      {Element::f16, "F16"}, {Element::bf16, "BF16"}, {Element::f32, "F32"},
              {Element::f64, "F64"}};

/// One entry of the header.
struct Entry {
  NamedTensor tensor;
  int64_t begin = 0, end = 0;
};

Element element_named(const std::string &path, const std::string &tensor, const std::string &dtype) {
  for (const auto &known : dtypes)
    if (dtype == known.name) return known.element;
  fail("{}: tensor {} has elements of type {}; BOOL, U8 to U64, I8 to I64, F16, BF16, F32 and F64 can be read", path,
       shown(tensor), shown(dtype));
}

/// Parses the header; nlohmann keeps the last of two equal keys, so keys are watched as they come.
nlohmann::ordered_json parse_header(const std::string &path, const std::string &text) {
  std::vector<std::set<std::string>> keys; // of the open objects
  auto watch = [&](int, nlohmann::ordered_json::parse_event_t event, nlohmann::ordered_json &value) {
    using Event = nlohmann::ordered_json::parse_event_t;
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(value.get<std::string>()).second)
      fail("{}: damaged safetensors header: the name {} stands twice", path, shown(value.get<std::string>()));
    return true;
  };
  auto json = nlohmann::ordered_json::parse(text, watch);
  if (!json.is_object()) fail("{}: damaged safetensors header: it is no JSON object", path);
  return json;
}

Entry entry_of(const std::string &path, const std::string &name, const nlohmann::ordered_json &json, int64_t data_bytes) {
  Entry entry;
  entry.tensor.name = name;
  entry.tensor.dtype = element_named(path, name, json.at("dtype").get<std::string>());
  const auto &shape = json.at("shape"), &offsets = json.at("data_offsets");
  auto number = [&](const nlohmann::ordered_json &value) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > INT64_MAX)
      fail("{}: damaged safetensors header: tensor {}: a size is no whole number (but {})", path, shown(name), value.type_name());
    return value.get<int64_t>();
  };
  if (!shape.is_array() || shape.size() > most_axes || !offsets.is_array() || offsets.size() != 2)
    fail("{}: damaged safetensors header: tensor {} has no sound shape and data_offsets", path, shown(name));
  for (const auto &extent : shape) entry.tensor.shape.push_back(number(extent));
  entry.begin = number(offsets[0]), entry.end = number(offsets[1]);
  if (entry.begin > entry.end || entry.end > data_bytes)
    fail("{}: tensor {} lies at bytes {} to {} of {}: the file is damaged or cut off", path, shown(name), entry.begin, entry.end,
         data_bytes);
  auto elements = checked_elements(entry.tensor.shape);
  auto bytes = elements ? checked_multiply(*elements, element_bytes(entry.tensor.dtype)) : std::nullopt;
  if (bytes != entry.end - entry.begin)
    fail("{}: tensor {} of shape [{}] does not fit its {} bytes", path, shown(name), fmt::join(entry.tensor.shape, ", "),
         entry.end - entry.begin);
  return entry;
}

/// The header, with all that it says of the data held against the file.
std::vector<Entry> read_header(Input &input) {
  const std::string &path = input.path;
  unsigned char size[8];
  if (input.read(size, 8) < 8) fail("{}: not a safetensors file: it has fewer than 8 bytes", path);
  uint64_t length = 0;
  std::memcpy(&length, size, 8);
  if (length > longest_header || static_cast<int64_t>(length) > input.most_left())
    fail("{}: not a safetensors file: its header would be {} bytes long", path, length);
  std::string text(length, ' ');
  if (input.read(text.data(), length) < length) fail("{}: the file is cut off within its header", path);
  int64_t data_bytes = input.most_left();
  std::vector<Entry> entries; // in the order of their bytes
  try {
    auto header = parse_header(path, text);
    for (const auto &[name, value] : header.items())
      if (name != "__metadata__") entries.push_back(entry_of(path, name, value, data_bytes));
  } catch (const nlohmann::json::exception &error) {
    fail("{}: damaged safetensors header: {}", path, error.what());
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry &a, const Entry &b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  int64_t at = 0;
  for (const Entry &entry : entries) {
    if (entry.begin != at)
      fail("{}: tensor {} begins at byte {} of the data, but the one before ends at {}: a hole or an overlap", path,
           shown(entry.tensor.name), entry.begin, at);
    at = entry.end;
  }
  return entries;
}

} // namespace

int64_t NamedTensor::elements() const { return elements_of(shape); }

const char *safetensors_dtype(Element element) {
  return std::find_if(std::begin(dtypes), std::end(dtypes), [&](const auto &known) { return known.element == element; })->name;
}

std::vector<NamedTensor> read_safetensors(const std::string &path) {
  Input input(path);
  std::vector<NamedTensor> tensors;
  for (Entry &entry : read_header(input)) {
    entry.tensor.bytes = Memory(entry.end - entry.begin, "a tensor");
    if (input.read(entry.tensor.bytes.data(), static_cast<size_t>(entry.end - entry.begin)) <
        static_cast<size_t>(entry.end - entry.begin))
      fail("{}: the file is cut off within tensor {}", path, shown(entry.tensor.name));
    tensors.push_back(std::move(entry.tensor));
  }
  char extra;
  if (input.read(&extra, 1) != 0) fail("{}: the file goes on behind its last tensor", path);
  return tensors;
}

ArrayHeader seek_safetensor(Input &input, const std::string &name) {
  std::vector<Entry> entries = read_header(input);
  auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry &entry) { return entry.tensor.name == name; });
  if (found == entries.end()) {
    std::vector<std::string> names;
    for (const Entry &entry : entries) names.push_back(shown(entry.tensor.name));
    fail("{}: it has no tensor \"{}\"; it has {}", input.path, shown(name),
         names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
  }
  input.skip(found->begin);
  ArrayHeader header;
  header.element = found->tensor.dtype, header.shape = found->tensor.shape;
  check_header(input, header, "safetensors");
  return header;
}

void write_safetensors(const std::string &path, const std::vector<TensorView> &tensors,
                       const std::map<std::string, std::string> &metadata) {
  std::vector<const TensorView *> order;
  for (const TensorView &tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(),
                   [](const TensorView *a, const TensorView *b) { return element_bytes(a->dtype) > element_bytes(b->dtype); });
  auto bytes_of = [](const TensorView &tensor) { return elements_of(tensor.shape) * element_bytes(tensor.dtype); };
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  int64_t at = 0;
  for (const TensorView *tensor : order) {
    int64_t end = at + bytes_of(*tensor);
    header[tensor->name] = {{"dtype", safetensors_dtype(tensor->dtype)}, {"shape", tensor->shape}, {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' '); // the data begin at a multiple of 8
  uint64_t length = text.size();
  NewFile file(path);
  file.write(&length, 8);
  file.write(text);
  for (const TensorView *tensor : order) file.write(tensor->bytes, static_cast<size_t>(bytes_of(*tensor)));
  file.commit();
}

void write_safetensors(const std::string &path, const std::vector<NamedTensor> &tensors) {
  std::vector<TensorView> views;
  for (const NamedTensor &tensor : tensors) views.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.bytes.data()});
  write_safetensors(path, views);
}

} // namespace nnc::runtime
