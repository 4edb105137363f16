#include "codegen/body.h"

#include "codegen/body_code.h"
#include "codegen/body_moves.h"
#include "codegen/lane_choice.h"
#include "ir/builder.h"

#include <algorithm>

namespace nnc::codegen {
namespace {

using ir::Node;
using ir::NodeId;

/// Kernels that compute.
class Body : BodyCode {
public:
  explicit Body(const BodySource &from) : BodyCode(from) {}

  Kernel map_or_row(const Group &group) {
    int level = 0;
    for (const Member &member : group.members) level = std::max(level, member.level);
    begin(group, level + 1);
    std::vector<Member> order = group.members;
    std::stable_sort(order.begin(), order.end(), [](const Member &a, const Member &b) { return a.level < b.level; });
    for (const Member &member : order) {
      at_level(member.level);
      store_member(member, root_value(member));
    }
    AxisLists lists;
    for (int axis : group.outer) lists.outer.push_back(to_size(group.shape[axis]));
    for (int axis : group.inner) lists.inner.push_back(to_size(group.shape[axis]));
    const bool is_last_inner = !group.inner.empty() && (group.outer.empty() || group.inner.back() > group.outer.back());
    Kernel made = finish(lists, group.members[0].node);
    made.lanes = lanes_of(made, is_last_inner ? Lanes::inner : Lanes::outer);
    return made;
  }

  Kernel contraction(const Group &group) {
    NodeId root = group.members[0].node;
    const Node &node = function_[root];
    const auto &dot = std::get<ir::DotAttributes>(node.attributes);
    std::vector<At> operands = root_operands(function_, root);
    begin(group, 1, true); // everything belongs to the epilogue's stage
    AxisLists lists;
    size_t left_free = function_.type(node.operands[0]).dims.size() - dot.left_batch.size() - dot.left_contract.size();
    for (size_t axis = 0; axis < node.type.dims.size(); ++axis) {
      auto &list = axis < dot.left_batch.size() ? lists.outer : axis < dot.left_batch.size() + left_free ? lists.m : lists.n;
      list.push_back(to_size(node.type.dims[axis]));
    }
    for (int64_t axis : dot.left_contract) lists.k.push_back(to_size(function_.type(node.operands[0]).dims[axis]));
    kernel_.contraction = Contraction{};
    kernel_.contraction->elem = node.type.elem;
    kernel_.contraction->a = access(*memory_.view(operands[0].node), operands[0].index);
    kernel_.contraction->b = access(*memory_.view(operands[1].node), operands[1].index);
    operands_.a_elements = memory_.elements(operands[0].node), operands_.b_elements = memory_.elements(operands[1].node);
    for (const Member &member : group.members) {
      ValueId value =
          member.node == root ? emit(instruction(Code::accumulator, node.type.elem, node.place), true) : root_value(member);
      store_member(member, value);
    }
    return finish(lists, root);
  }
};

} // namespace

std::vector<Kernel> build_kernels(const ir::Function &function, const Memory &memory, const Layout &layout, const Group &group,
                                  const std::vector<BufferId> &outputs) {
  const BodySource from{function, memory, layout, outputs};
  if (group.kind == GroupKind::alone) return build_moves(from, group.members[0].node);
  if (group.kind == GroupKind::contraction) return {Body(from).contraction(group)};
  return {Body(from).map_or_row(group)};
}

} // namespace nnc::codegen
