#include "ir/attributes.h"

#include "ir/graph.h"

#include <bit>

namespace nnc::ir {

namespace {

/// Feeds each number of the attributes to `sink` as a word: doubles by their bits, so that -0 differs from 0 and a NaN equals itself.
template <typename Sink> struct Words {
  Sink &sink;

  void number(double x) { sink(std::bit_cast<uint64_t>(x)); }
  template <typename T> void number(T x) { sink(static_cast<uint64_t>(x)); }
  void number(Extent x) { sink(static_cast<uint64_t>(x.count)), sink(x.batch); }
  void type(const Type &type) {
    number(type.elem);
    number(type.dims.size());
    for (const Extent &extent : type.dims) number(extent.count), number(extent.batch);
    number(type.parts.size());
    for (const Type &part : type.parts) this->type(part);
  }

  template <typename T> void operator()(const char *, const T &x) { number(x); }
  template <typename T> void operator()(const char *, const std::vector<T> &list) {
    sink(list.size());
    for (T x : list) number(x);
  }
  void operator()(const char *, const FunctionPointer &function) {
    if (!function) return number(0);
    for (const Node &node : function->nodes) {
      number(node.op);
      type(node.type);
      (*this)("operands", node.operands);
      number(node.attributes.index());
      for_fields(node.attributes, *this);
    }
    for (const Input &input : function->inputs) number(input.kind), number(input.slot), number(input.node);
    for (const Output &output : function->outputs) number(output.kind), number(output.slot), number(output.node);
  }
};

template <typename Sink> void for_words(const Attributes &attributes, Sink sink) { for_fields(attributes, Words<Sink>{sink}); }

} // namespace

bool equal(const Attributes &a, const Attributes &b) {
  if (a.index() != b.index()) return false;
  std::vector<uint64_t> words;
  for_words(a, [&](uint64_t word) { words.push_back(word); });
  size_t at = 0;
  bool same = true;
  for_words(b, [&](uint64_t word) { same = same && at < words.size() && words[at] == word, ++at; });
  return same && at == words.size();
}

uint64_t hash(const Attributes &attributes) {
  uint64_t h = attributes.index() + 1;
  for_words(attributes, [&](uint64_t word) { h = (h ^ word) * 0x9E3779B97F4A7C15u, h ^= h >> 29; });
  return h;
}

} // namespace nnc::ir
