// Draws: Philox 4x32-10 words (Salmon et al., SC 2011) of the seed, the place in the program, the step, the row and the element's position.

#include "frontend/elaborator.h"

#include <numbers>

namespace nnc::frontend {

using ir::InputKind;
using ir::NodeId;
using ir::Op;

uint64_t Elaborator::hash_path(uint64_t caller, std::string_view name, int ordinal) {
  // FNV-1a over the name, then the mixing of splitmix64 with caller and ordinal.
  uint64_t hash = 14695981039346656037ull;
  for (unsigned char c : name) hash = (hash ^ c) * 1099511628211ull;
  hash ^= caller * 0x9E3779B97F4A7C15ull + static_cast<uint64_t>(ordinal);
  hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9ull;
  hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBull;
  return hash ^ (hash >> 31);
}

std::vector<NodeId> Elaborator::random_words(const Context &context, const ir::Shape &shape, int words) {
  Frame &frame = *context.frame;
  ir::Builder &builder = frame.builder();
  const ir::Type scalar{ir::Elem::i32, {}};
  auto leaf = [&](InputKind kind, const char *name) { return frame.leaf(kind, 0, name, scalar); };
  const uint64_t path = hash_path(context.activation->path, "draw", context.activation->ordinal++);

  // position · size + the linear index in the draw's shape
  int64_t size = 1;
  for (const ir::Extent &extent : shape) size *= extent.count;
  NodeId position = leaf(InputKind::position, "position");
  position = builder.mul(position, builder.like(position, static_cast<double>(size)));
  if (!shape.empty()) {
    NodeId linear = builder.iota({{size, false}}, 0);
    if (shape.size() != 1) linear = builder.reshape(linear, shape);
    position = builder.add(builder.broadcast_leading(position, shape), linear);
  }
  auto spread = [&](NodeId node) { return shape.empty() ? node : builder.broadcast_leading(node, shape); };
  const std::vector<NodeId> operands = {spread(leaf(InputKind::seed_low, "seed_low")),
                                        spread(leaf(InputKind::seed_high, "seed_high")),
                                        spread(leaf(InputKind::step, "step")),
                                        spread(leaf(InputKind::row, "row")),
                                        spread(turn_node(context)),
                                        position};
  std::vector<NodeId> drawn;
  for (int word = 0; word < words; ++word)
    drawn.push_back(builder.add_node(Op::random_bits, operands, ir::RandomAttributes{path, word}));
  return drawn;
}

/// In [0, 1): the top 24 bits of a word for f32; 53 bits of two words for f64.
NodeId Elaborator::unit_interval(ir::Builder &builder, NodeId high, NodeId low) const {
  constexpr double two_24 = 1.0 / 16777216, two_53 = 1.0 / 9007199254740992.0, two_26 = 67108864;
  auto shifted = [&](NodeId bits, int by) {
    return builder.convert(builder.binary(Op::shift_right, bits, builder.like(bits, by)), options_.real);
  };
  if (options_.real == ir::Elem::f32) {
    const NodeId top = shifted(high, 8);
    return builder.mul(top, builder.like(top, two_24));
  }
  const NodeId upper = shifted(high, 5), lower = shifted(low, 6);
  const NodeId sum = builder.add(builder.mul(upper, builder.like(upper, two_26)), lower);
  return builder.mul(sum, builder.like(sum, two_53));
}

TensorValue Elaborator::draw(bool is_normal, const std::vector<Dim> &dims, const Context &context) {
  ir::Builder &builder = context.frame->builder();
  const Type type{{}, dims};
  const bool single = options_.real == ir::Elem::f32; // then a number needs one word, else two
  const std::vector<NodeId> words = random_words(context, ir_type(type).dims, (is_normal ? 2 : 1) * (single ? 1 : 2));
  const NodeId u = unit_interval(builder, words[0], words[single ? 0 : 1]);
  if (!is_normal) return make(u, type, context);
  // Box and Muller 1958: sqrt(-2 ln(1 - u)) cos(2 pi v); 1 - u is never 0.
  const NodeId v = single ? unit_interval(builder, words[1], words[1]) : unit_interval(builder, words[2], words[3]);
  const NodeId log = builder.unary(Op::log, builder.sub(builder.like(u, 1), u));
  const NodeId radius = builder.unary(Op::sqrt, builder.mul(builder.like(log, -2), log));
  const NodeId angle = builder.unary(Op::cos, builder.mul(builder.like(v, 2 * std::numbers::pi), v));
  return make(builder.mul(radius, angle), type, context);
}

} // namespace nnc::frontend
