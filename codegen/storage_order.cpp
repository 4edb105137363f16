#include "codegen/storage_order.h"

#include "codegen/index.h"

#include <algorithm>

namespace nnc::codegen {
namespace {

using ir::Node;
using ir::NodeId;
using ir::Op;

constexpr int64_t shortest = 32; // below this the rows of an image fill vectors better

class Innermost {
public:
  explicit Innermost(const ir::Function &function) : function_(function), axis_(function.nodes.size(), -1) {
    for (NodeId id = 0; id < function.nodes.size(); ++id)
      for (NodeId operand : function[id].operands) users_.emplace_back(operand, id);
    std::sort(users_.begin(), users_.end());
  }

  std::vector<int> run() {
    for (NodeId id = 0; id < function_.nodes.size(); ++id) {
      if (function_[id].op == Op::window) seed(function_[id].operands[0], still_axis(id));
      if (function_[id].op == Op::dot) seed(id, product_axis(id));
    }
    while (!work_.empty()) {
      NodeId id = work_.back();
      work_.pop_back();
      for (NodeId operand : function_[id].operands) hand_on(id, operand, true);
      for (auto user = std::lower_bound(users_.begin(), users_.end(), std::pair(id, NodeId{0}));
           user != users_.end() && user->first == id; ++user)
        hand_on(user->second, id, false);
    }
    return std::move(axis_);
  }

private:
  void seed(NodeId id, int axis) {
    const ir::Shape &dims = function_.type(id).dims;
    if (axis < 0 || axis_[id] >= 0 || dims.size() < 3 || !dims[0].batch || dims[axis].batch || dims[axis].count < shortest)
      return;
    axis_[id] = axis;
    work_.push_back(id);
  }

  std::optional<ir::IndexMap> map_of(NodeId id) const {
    const auto *rule = std::get_if<ir::View>(&ir::record(function_[id].op).kernel);
    return rule ? rule->map(function_[id], function_.type(function_[id].operands[0])) : std::nullopt;
  }

  /// The one axis of examples' data over which a window that slides over others does not slide.
  int still_axis(NodeId window) const {
    const auto map = map_of(window);
    const ir::Shape &dims = function_.type(function_[window].operands[0]).dims;
    int still = -1, sliding = 0, count = 0;
    for (size_t axis = 0; map && axis < map->axes.size(); ++axis) {
      if (map->axes[axis].terms.size() > 1) ++sliding;
      if (dims[axis].batch || map->axes[axis].terms.size() != 1) continue;
      still = static_cast<int>(axis), ++count;
    }
    return sliding > 0 && count == 1 ? still : -1;
  }

  bool is_sliding(NodeId id) const { return function_[id].op == Op::window && still_axis(id) >= 0; }

  /// Of a product with a window the result's one axis from the other operand.
  int product_axis(NodeId dot) const {
    const Node &node = function_[dot];
    const auto &a = std::get<ir::DotAttributes>(node.attributes);
    for (int side : {0, 1}) {
      if (!is_sliding(node.operands[side])) continue;
      const auto batch = static_cast<int>(a.left_batch.size());
      const int left_free = function_.type(node.operands[0]).rank() - batch - static_cast<int>(a.left_contract.size());
      const int from = side == 1 ? batch : batch + left_free, to = side == 1 ? batch + left_free : node.type.rank();
      return to - from == 1 ? from : -1;
    }
    return -1;
  }

  /// The axis of an operand that is axis `axis` of the result, or the other way round; -1: none.
  int across(NodeId id, NodeId operand, int axis, bool to_operand) const {
    const Node &node = function_[id];
    const ir::Shape &from = function_.type(operand).dims, &to = node.type.dims;
    if (std::holds_alternative<ir::ScalarBody>(ir::record(node.op).kernel) || node.op == Op::copy || node.op == Op::barrier ||
        node.op == Op::stop_gradient || node.op == Op::pad)
      return from.size() == to.size() ? axis : -1;
    if (node.op == Op::reduce) {
      const auto &reduced = std::get<ir::ReduceAttributes>(node.attributes).axes;
      int next = 0;
      for (int i = 0; i < static_cast<int>(from.size()); ++i) {
        if (std::find(reduced.begin(), reduced.end(), i) != reduced.end()) continue;
        if ((to_operand ? next : i) == axis) return to_operand ? i : next;
        ++next;
      }
      return -1;
    }
    if (node.op == Op::reshape) return across_reshape(from, to, axis, to_operand);
    if (const auto map = map_of(id))
      for (size_t i = 0; i < map->axes.size(); ++i)
        if (const auto &terms = map->axes[i].terms; terms.size() == 1 && terms[0].second == 1) {
          if (to_operand && terms[0].first == axis) return static_cast<int>(i);
          if (!to_operand && static_cast<int>(i) == axis) return terms[0].first;
        }
    return -1;
  }

  /// An axis that a reshape leaves whole: as many elements lie before it in both shapes.
  static int across_reshape(const ir::Shape &operand, const ir::Shape &result, int axis, bool to_operand) {
    const ir::Shape &here = to_operand ? result : operand, &there = to_operand ? operand : result;
    auto before = [](const ir::Shape &shape, size_t axis) { return element_count({shape.begin(), shape.begin() + axis}); };
    for (size_t other = 0; other < there.size(); ++other)
      if (there[other] == here[axis] && before(there, other) == before(here, static_cast<size_t>(axis)))
        return static_cast<int>(other);
    return -1;
  }

  void hand_on(NodeId id, NodeId operand, bool to_operand) {
    const NodeId from = to_operand ? id : operand, to = to_operand ? operand : id;
    seed(to, across(id, operand, axis_[from], to_operand));
  }

  const ir::Function &function_;
  std::vector<int> axis_;
  std::vector<std::pair<NodeId, NodeId>> users_; // (node, user)
  std::vector<NodeId> work_;
};

} // namespace

std::vector<int> innermost_axes(const ir::Function &function) { return Innermost(function).run(); }

} // namespace nnc::codegen
