#include "codegen/memory.h"

#include "codegen/cost.h"
#include "codegen/expression.h"
#include "codegen/storage_order.h"

#include <fmt/format.h>

#include <algorithm>

namespace nnc::codegen {
namespace {

using ir::Node;
using ir::NodeId;
using ir::Op;

bool is_scalar(const Node &node) {
  return std::holds_alternative<ir::ScalarBody>(record(node.op).kernel) || node.op == Op::random_bits;
}
bool is_view(const Node &node) { return std::holds_alternative<ir::View>(record(node.op).kernel); }

/// A reshape that is no affine map of its operand's index: it must be read in memory.
bool is_reshape_of_memory(const ir::Function &function, const Node &node) {
  return node.op == Op::reshape && !std::get<ir::View>(record(node.op).kernel).map(node, function.type(node.operands[0]));
}

/// Costs below this are computed again rather than kept.
constexpr int cheap = 8;
/// Likewise of what many elements each would compute again.
constexpr int cheap_once_for_many = 4;
/// An expression longer than this is cut, so that no kernel grows without bound.
constexpr int longest = 400;

/// Strides of `result` = reshape of memory with `operand` extents and `strides`, or nothing where the order of elements in memory is not
/// the one that the result needs. Extents are compared in runs with equal products.
std::optional<std::vector<Size>> reshape_strides(const ir::Shape &operand, const std::vector<Size> &strides,
                                                 const ir::Shape &result) {
  std::vector<Size> made(result.size());
  size_t i = 0, j = 0;
  while (i < operand.size() || j < result.size()) {
    size_t i_end = i, j_end = j;
    Size left = 1, right = 1;
    do { // extend the shorter run until the products agree
      bool extend_left = i_end < operand.size() && (j_end == result.size() || i_end == i || left.at(97) < right.at(97));
      if (extend_left && !(i_end > i && left == right))
        left = left * to_size(operand[i_end++]);
      else if (j_end < result.size())
        right = right * to_size(result[j_end++]);
      else if (i_end < operand.size())
        left = left * to_size(operand[i_end++]);
      else
        return std::nullopt;
    } while (!(left == right));
    // The run of operand axes must be one evenly spaced stretch, unit extents aside.
    std::vector<std::pair<Size, Size>> run; // (extent, stride)
    for (size_t axis = i; axis < i_end; ++axis)
      if (!(to_size(operand[axis]) == Size(1))) run.emplace_back(to_size(operand[axis]), strides[axis]);
    for (size_t k = 0; k + 1 < run.size(); ++k)
      if (!(run[k].second == run[k + 1].first * run[k + 1].second)) return std::nullopt;
    Size stride = run.empty() ? Size(0) : run.back().second;
    for (size_t axis = j_end; axis-- > j;) {
      made[axis] = stride;
      stride = stride * to_size(result[axis]);
    }
    i = i_end;
    j = j_end;
  }
  return made;
}

} // namespace

bool is_inner_product(const ir::Function &function, NodeId id) {
  const Node &node = function[id];
  const auto &dot = std::get<ir::DotAttributes>(node.attributes);
  auto free_axes = [&](int side) {
    size_t bound =
        side == 0 ? dot.left_batch.size() + dot.left_contract.size() : dot.right_batch.size() + dot.right_contract.size();
    return function.type(node.operands[side]).dims.size() - bound;
  };
  return free_axes(0) == 0 || free_axes(1) == 0;
}

std::vector<CarriedRows> carried_rows(const ir::ScanAttributes &scan, const std::vector<bool> &used) {
  const ir::Function &body = *scan.body;
  std::vector<CarriedRows> rows;
  for (int carry = 0; carry < scan.carries; ++carry) rows.push_back({carry, {}, {}});
  auto find = [&](auto &&node_of, NodeId node) {
    return std::find_if(rows.begin(), rows.end(), [&](const CarriedRows &of) { return node_of(of.carry) == node; });
  };
  for (size_t result = scan.carries; result < body.outputs.size(); ++result) {
    if (!used[result]) continue;
    const NodeId node = body.outputs[result].node;
    if (auto before = find([&](int carry) { return body.inputs[carry].node; }, node); before != rows.end())
      before->before.push_back(static_cast<int>(result));
    else if (auto after = find([&](int carry) { return body.outputs[carry].node; }, node); after != rows.end())
      after->after.push_back(static_cast<int>(result));
  }
  std::erase_if(rows, [](const CarriedRows &of) { return of.before.empty() && of.after.empty(); });
  return rows;
}

Memory::Memory(const ir::Function &function, const Layout &layout, Entry &entry, const Surroundings *around)
    : function_(function), layout_(layout), around_(around), kept_(function.nodes.size(), false),
      buffer_(function.nodes.size(), -1), home_(function.nodes.size()), placed_in_(function.nodes.size(), ir::no_node) {
  innermost_ = innermost_axes(function);
  for (const ir::Output &output : function.outputs) innermost_[output.node] = -1;
  for (NodeId id = 0; id < function.nodes.size(); ++id)
    if (function[id].op == Op::part) innermost_[id] = -1; // a loop's rows
  do {
    kept_.assign(function.nodes.size(), false);
    laid_out_as_.assign(function.nodes.size(), ir::no_node);
    choose();
  } while (has_lost_reshape());
  place_in_larger();
  make_buffers(entry);
}

/// Whether a reshape that is no affine map cannot be read in the memory of what it is a view of, since that is not row-major; then it will be.
bool Memory::has_lost_reshape() {
  bool lost = false;
  for (NodeId id = 0; id < function_.nodes.size(); ++id) {
    const Node &node = function_[id];
    if (!is_reshape_of_memory(function_, node)) continue;
    const std::optional<MemoryView> base = view(node.operands[0]);
    if (!base || base->rows >= 0 || reshape_strides(function_.type(node.operands[0]).dims, base->strides, node.type.dims))
      continue;
    const NodeId below = below_view(node.operands[0]);
    if (!kept_[below] || innermost_[below] < 0) continue;
    innermost_[below] = -1;
    lost = true;
  }
  return lost;
}

NodeId Memory::below_view(NodeId id) const {
  while (!kept_[id] && !function_[id].operands.empty()) id = function_[id].operands[0];
  return id;
}

Size Memory::elements(NodeId id) const { return element_count(function_.type(below_view(id)).dims); }

std::vector<Size> Memory::own_strides(NodeId id) const {
  if (laid_out_as_[id] != ir::no_node) {
    const std::vector<Size> after = own_strides(laid_out_as_[id]);
    const auto &axes = std::get<ir::AxesAttributes>(function_[laid_out_as_[id]].attributes).axes;
    std::vector<Size> strides(after.size());
    for (size_t axis = 0; axis < after.size(); ++axis) strides[axes[axis]] = after[axis];
    return strides;
  }
  const ir::Shape &dims = function_.type(id).dims;
  const int last = innermost_[id];
  if (last < 0) return row_major_strides(dims);
  ir::Shape order = dims; // with the innermost axis behind the others
  order.erase(order.begin() + last);
  order.push_back(dims[last]);
  std::vector<Size> strides = row_major_strides(order);
  strides.insert(strides.begin() + last, strides.back());
  strides.pop_back();
  return strides;
}

/// Lets what a transpose alone reads lie in the transpose's order, where that is what reshape `id` of it needs.
bool Memory::lay_out_for(NodeId id, const std::vector<uint32_t> &uses) {
  const NodeId transpose = function_[id].operands[0];
  if (function_[transpose].op != Op::transpose) return false;
  const NodeId x = function_[transpose].operands[0];
  const Op op = function_[x].op;
  const bool computed = is_scalar(function_[x]) || op == Op::reduce || op == Op::argreduce;
  if (!computed || uses[x] > 1 || (around_ && around_->homes.contains(x))) return false;
  const bool was_kept = kept_[x];
  kept_[x] = true, laid_out_as_[x] = transpose;
  if (view(id)) return true;
  kept_[x] = was_kept, laid_out_as_[x] = ir::no_node;
  return false;
}

/// Marks what `id` is a view of, or `id` itself, as kept: afterwards view(id) exists and is not looked up by row.
void Memory::require(NodeId id) {
  auto addressable = [&] {
    auto made = view(id);
    return made && made->rows < 0;
  };
  if (addressable()) return;
  const Node &node = function_[id];
  if (is_view(node)) {
    require(node.operands[0]);
    if (addressable()) return; // a reshape may still not be one
  }
  kept_[id] = true;
}

void Memory::choose() {
  const std::vector<uint32_t> uses = use_counts(function_);
  std::vector<int> cost(function_.nodes.size(), 0); // to compute the node again from what is kept
  std::vector<bool> wanted_larger(function_.nodes.size(), false);
  for (const Node &node : function_.nodes)
    if (node.op == Op::broadcast) wanted_larger[node.operands[0]] = true;

  for (NodeId id = 0; id < function_.nodes.size(); ++id) {
    const Node &node = function_[id];
    int sum = is_scalar(node) ? scalar_cost(node.op) : 0;
    for (NodeId operand : node.operands)
      if (!kept_[operand]) sum += cost[operand];
    cost[id] = std::min(sum, 2 * longest);

    if (has_own_operands(node.op) || node.op == Op::part) kept_[id] = true;
    if (node.op == Op::scan)
      for (size_t i = std::get<ir::ScanAttributes>(node.attributes).carries; i < node.operands.size(); ++i)
        require(node.operands[i]);
    if (node.op == Op::dot && !is_inner_product(function_, id))
      for (NodeId operand : node.operands) require(operand);
    if (node.op == Op::gather || node.op == Op::order) require(node.operands[0]);
    if (is_reshape_of_memory(function_, node) && !view(id) && !lay_out_for(id, uses)) {
      require(node.operands[0]);
      if (!view(id)) kept_[node.operands[0]] = true;
    }
    const bool again = (uses[id] > 1 && sum >= cheap) || (wanted_larger[id] && sum >= cheap_once_for_many);
    if (is_scalar(node) && (again || sum > longest)) kept_[id] = true;
    if (node.op == Op::gather && (sum >= cheap || uses[id] > 1)) kept_[id] = true;
    if (kept_[id]) cost[id] = 0;
  }
  for (const ir::Output &output : function_.outputs) kept_[output.node] = true;
}

/// Whether pad `id` leaves its operand's innermost axis in memory alone, so that rows are as long and lie as evenly there.
bool Memory::keeps_rows(NodeId id) const {
  const auto &pad = std::get<ir::PadAttributes>(function_[id].attributes);
  const std::vector<Size> strides = own_strides(id);
  for (size_t axis = 0; axis < strides.size(); ++axis)
    if (strides[axis] == Size(1) && (pad.before[axis] != 0 || pad.after[axis] != 0)) return false;
  return true;
}

/// What a kernel computes for a concatenation alone is computed into its place there. (Who else read it would seem to read the other parts.) So is what is
/// padded with zeros, which others may read there, too.
void Memory::place_in_larger() {
  std::vector<bool> is_reshaped(function_.nodes.size(), false); // read as one stretch of memory
  for (NodeId id = 0; id < function_.nodes.size(); ++id) {
    const Node &node = function_[id];
    if (!is_reshape_of_memory(function_, node)) continue;
    is_reshaped[below_view(node.operands[0])] = true;
  }
  const std::vector<uint32_t> uses = use_counts(function_);
  auto may_be_placed = [&](NodeId id) {
    const Op op = function_[id].op;
    const bool computed =
        is_scalar(function_[id]) || op == Op::reduce || op == Op::argreduce || op == Op::dot || op == Op::concatenate;
    return computed && !is_reshaped[id] && placed_in_[id] == ir::no_node && !(around_ && around_->homes.contains(id));
  };
  auto takes_in = [&](NodeId pad) {
    const auto &between = std::get<ir::PadAttributes>(function_[pad].attributes).between;
    const NodeId inside = function_[pad].operands[0];
    return std::count(between.begin(), between.end(), 0) == std::ssize(between) && kept_[inside] && may_be_placed(inside) &&
           !(around_ && around_->homes.contains(pad)) && (uses[inside] == 1 || keeps_rows(pad));
  };
  for (NodeId id = 0; id < function_.nodes.size(); ++id) {
    const Node &node = function_[id];
    const std::vector<NodeId> &operands = node.operands;
    if (node.op == Op::pad && takes_in(id)) placed_in_[operands[0]] = id;
    if (node.op != Op::concatenate) continue;
    for (NodeId operand : operands)
      if (uses[operand] == 1 && may_be_placed(operand)) placed_in_[operand] = id, kept_[operand] = true;
  }
}

/// One buffer for what the scan carries and collects of one value.
void Memory::make_carried_rows(Entry &entry, NodeId id) {
  const auto &scan = std::get<ir::ScanAttributes>(function_[id].attributes);
  std::vector<NodeId> part(scan.body->outputs.size(), ir::no_node);
  std::vector<bool> used(part.size(), false);
  for (NodeId user = id + 1; user < function_.nodes.size(); ++user) {
    if (function_[user].op != Op::part || function_[user].operands[0] != id) continue;
    const auto number = std::get<ir::PartAttributes>(function_[user].attributes).number;
    part[number] = user, used[number] = true;
  }
  for (const CarriedRows &rows : carried_rows(scan, used)) {
    const ir::Type &type = function_.type(function_[id].operands[rows.carry]);
    const Size row = element_count(type.dims);
    entry.buffers.push_back(
        {Space::arena, 0, 0, type.elem, row * Size(scan.turns + 1), fmt::format("%{} carried {}", id, rows.carry)});
    const auto buffer = static_cast<BufferId>(entry.buffers.size() - 1);
    carried_rows_[{id, rows.carry}] = buffer;
    auto place = [&](int result, int64_t from_row) {
      if (part[result] != ir::no_node)
        home_[part[result]] = MemoryView{buffer, row * Size(from_row), row_major_strides(function_.type(part[result]).dims), -1};
    };
    place(rows.carry, scan.backwards ? 0 : scan.turns);
    for (int result : rows.before) place(result, scan.backwards ? 1 : 0);
    for (int result : rows.after) place(result, scan.backwards ? 0 : 1);
  }
}

BufferId Memory::rows_of_carry(NodeId scan, int carry) const {
  const auto found = carried_rows_.find({scan, carry});
  return found == carried_rows_.end() ? -1 : found->second;
}

void Memory::make_buffers(Entry &entry) {
  auto add = [&](Buffer buffer) {
    entry.buffers.push_back(std::move(buffer));
    return static_cast<BufferId>(entry.buffers.size() - 1);
  };
  for (int number = 0; !around_ && number < layout_.data; ++number)
    row_tables_.push_back(add({Space::rows, number, 0, ir::Elem::i32, Size::power(1, 1), fmt::format("rows{}", number)}));
  for (NodeId id = 0; id < function_.nodes.size(); ++id) {
    const Node &node = function_[id];
    Size elements = element_count(node.type.dims);
    if (node.op == Op::input) {
      const ir::Input &input = function_.inputs[std::get<ir::InputAttributes>(node.attributes).number];
      if (input.kind == ir::InputKind::tensor) {
        const TensorLayout &tensor = layout_.tensors[input.slot];
        buffer_[id] = add({Space::state, input.slot, tensor.offset, tensor.type.elem, elements, tensor.name});
      } else if (input.kind == ir::InputKind::source) {
        const SourceLayout &source = layout_.sources[input.slot];
        buffer_[id] = add({Space::source, input.slot, 0, source.stored, elements, source.name});
      } else if (input.kind == ir::InputKind::setting && settings_ < 0) {
        settings_ = add({Space::settings, 0, 0, ir::Elem::f64, 0, "settings"});
      }
    } else if (node.op == Op::constant) {
      const auto &values = std::get<ir::ConstantAttributes>(node.attributes).values;
      if (values.size() > 1) {
        buffer_[id] =
            add({Space::constant, static_cast<int>(entry.constants.size()), 0, node.type.elem, elements, fmt::format("%{}", id)});
        entry.constants.push_back(values);
      }
    }
    if (node.op == Op::scan) make_carried_rows(entry, id);
    if (!kept_[id] || home_[id] || placed_in_[id] != ir::no_node) continue;
    const bool given = around_ && around_->homes.contains(id);
    const BufferId made =
        given ? around_->homes.at(id) : add({Space::arena, 0, 0, node.type.elem, elements, fmt::format("%{}", id)});
    home_[id] = MemoryView{made, 0, own_strides(id), -1};
  }
  for (NodeId id = static_cast<NodeId>(function_.nodes.size()); id-- > 0;) { // what is within another after that
    const Node &node = function_[id];
    if (node.op == Op::pad && placed_in_[node.operands[0]] == id) {
      const auto &before = std::get<ir::PadAttributes>(node.attributes).before;
      MemoryView inside = *home_[id];
      for (size_t axis = 0; axis < before.size(); ++axis) inside.start = inside.start + inside.strides[axis] * Size(before[axis]);
      home_[node.operands[0]] = std::move(inside);
    }
    if (node.op != Op::concatenate) continue;
    const int64_t axis = std::get<ir::AxesAttributes>(node.attributes).axes[0];
    int64_t at = 0;
    for (NodeId operand : node.operands) {
      if (placed_in_[operand] == id) {
        home_[operand] = home_[id];
        home_[operand]->start = home_[id]->start + home_[id]->strides[axis] * Size(at);
      }
      at += function_.type(operand).dims[axis].count;
    }
  }
}

std::optional<MemoryView> Memory::view(NodeId id) const {
  const Node &node = function_[id];
  if (kept_[id]) return home_[id] ? *home_[id] : MemoryView{-1, 0, own_strides(id), -1};
  if (node.op == Op::input) {
    const ir::Input &input = function_.inputs[std::get<ir::InputAttributes>(node.attributes).number];
    MemoryView made{buffer_[id], 0, row_major_strides(node.type.dims), -1};
    if (input.kind == ir::InputKind::tensor) return made;
    if (input.kind == ir::InputKind::argument && around_)
      return around_->arguments.at(std::get<ir::InputAttributes>(node.attributes).number);
    if (input.kind == ir::InputKind::source) {
      const SourceLayout &source = layout_.sources[input.slot];
      made.rows = source.data;
      if (source.step > 0) made.strides[0] = Size(source.step);
      return made;
    }
    return std::nullopt;
  }
  if (node.op == Op::constant && std::get<ir::ConstantAttributes>(node.attributes).values.size() > 1)
    return MemoryView{buffer_[id], 0, row_major_strides(node.type.dims), -1};
  if (node.op == Op::copy || node.op == Op::stop_gradient || node.op == Op::barrier) return view(node.operands[0]);
  if (!is_view(node) || node.operands.size() != 1) return std::nullopt;

  std::optional<MemoryView> base = view(node.operands[0]);
  if (!base) return std::nullopt;
  const ir::Type &operand = function_.type(node.operands[0]);
  if (node.op == Op::reshape) {
    bool rows = base->rows >= 0;
    if (rows && (node.type.dims.empty() || !(node.type.dims[0] == operand.dims[0]))) return std::nullopt;
    ir::Shape from(operand.dims.begin() + rows, operand.dims.end()), to(node.type.dims.begin() + rows, node.type.dims.end());
    auto strides = reshape_strides(from, {base->strides.begin() + rows, base->strides.end()}, to);
    if (!strides) return std::nullopt;
    if (rows) strides->insert(strides->begin(), base->strides[0]);
    base->strides = *strides;
    return base;
  }
  auto map = std::get<ir::View>(record(node.op).kernel).map(node, operand);
  if (!map) return std::nullopt;
  MemoryView made{base->buffer, base->start, std::vector<Size>(node.type.dims.size()), base->rows};
  for (size_t axis = 0; axis < map->axes.size(); ++axis) {
    if (axis == 0 && base->rows >= 0) { // the looked-up axis must stay the first, whole
      const auto &first = map->axes[0];
      if (first.constant != 0 || first.terms.size() != 1 || first.terms[0] != std::pair<int, int64_t>{0, 1}) return std::nullopt;
    }
    made.start = made.start + base->strides[axis] * Size(map->axes[axis].constant);
    for (auto [result_axis, coefficient] : map->axes[axis].terms)
      made.strides[result_axis] = made.strides[result_axis] + base->strides[axis] * Size(coefficient);
  }
  return made;
}

} // namespace nnc::codegen
