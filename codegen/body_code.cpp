#include "codegen/body_code.h"

#include "ir/builder.h"

#include <algorithm>

namespace nnc::codegen {

using ir::Elem;
using ir::Node;
using ir::NodeId;
using ir::Op;

void BodyCode::begin(const Group &group, int stages, bool all_outer) {
  group_ = &group;
  inner_from_ = all_outer ? -1 : static_cast<int>(group.outer.size());
  kernel_.stages.resize(stages);
}

void BodyCode::at_level(int level) {
  if (level != level_) in_stage_.clear();
  level_ = level;
}

Kernel BodyCode::finish(const AxisLists &lists, NodeId root) {
  std::vector<bool> has_axes;
  for (size_t stage = 0; stage < kernel_.stages.size(); ++stage) has_axes.push_back(kernel_.contraction ? true : stage % 2 == 1);
  kernel_.place = function_[root].place;
  finish_axes(kernel_, lists, operands_, has_axes);
  std::erase_if(kernel_.stages, [](const Stage &stage) { return stage.code.empty(); });
  return std::move(kernel_);
}

// Values.

/// An inner product's domain has its outer axes first already.
static std::vector<int> dot_axes(const Group &group) {
  std::vector<int> axes;
  for (size_t i = 0; i < group.shape.size(); ++i) axes.push_back(static_cast<int>(i));
  return axes;
}

ValueId BodyCode::root_value(const Member &member) {
  const Node &node = function_[member.node];
  if (node.op == Op::reduce || node.op == Op::argreduce || node.op == Op::dot) {
    std::vector<int> axes = node.op == Op::dot ? dot_axes(*group_) : group_->kernel_axes();
    Instruction made = instruction(node.op == Op::argreduce ? Code::argreduce : Code::reduce, node.type.elem, node.place);
    for (const At &at : root_operands(function_, member.node))
      made.operands.push_back(value({at.node, rename_axes(at.index, axes)}));
    if (auto *reduce = std::get_if<ir::ReduceAttributes>(&node.attributes)) made.reduce = reduce->kind;
    return emit(std::move(made), true);
  }
  return compute({member.node, rename_axes(identity_index(node.type.rank()), group_->value_axes(member))});
}

ValueId BodyCode::value(const At &at) {
  bool inner = is_inner(at.index);
  auto &memo = inner ? in_stage_ : in_kernel_;
  if (auto found = memo.find(at); found != memo.end()) return found->second;
  ValueId made = memory_.kept(at.node) ? load(at) : compute(at);
  memo.emplace(at, made);
  return made;
}

ValueId BodyCode::load(const At &at) {
  const Node &node = function_[at.node];
  return emit(load_of(node.type.elem, access(*memory_.view(at.node), at.index), node.place), is_inner(at.index));
}

ValueId BodyCode::compute(const At &at) {
  const Node &node = function_[at.node];
  bool inner = is_inner(at.index);
  switch (node.op) {
  case Op::input: return input(at);
  case Op::constant: {
    const auto &values = std::get<ir::ConstantAttributes>(node.attributes).values;
    return values.size() == 1 ? constant(node.type.elem, values[0], at.node) : load(at);
  }
  case Op::iota: return affine(at.index[std::get<ir::AxesAttributes>(node.attributes).axes[0]], at.node);
  case Op::copy:
  case Op::stop_gradient:
  case Op::barrier: return value({node.operands[0], at.index});
  case Op::gather: return gather(at);
  default: break;
  }
  std::vector<At> operands = operands_at(function_, at);
  if (std::holds_alternative<ir::View>(record(node.op).kernel)) return operands.empty() ? load(at) : value(operands[0]);
  Instruction made = scalar_of(node.op, node.type.elem, {}, node.place);
  for (const At &operand : operands) made.operands.push_back(value(operand));
  if (auto *random = std::get_if<ir::RandomAttributes>(&node.attributes)) made.random = *random;
  return emit(std::move(made), inner);
}

ValueId BodyCode::input(const At &at) {
  const Node &node = function_[at.node];
  const ir::Input &input = function_.inputs[std::get<ir::InputAttributes>(node.attributes).number];
  switch (input.kind) {
  case ir::InputKind::tensor:
  case ir::InputKind::source: return load(at);
  case ir::InputKind::position:
  case ir::InputKind::turn: return constant(node.type.elem, 0, at.node);
  case ir::InputKind::row:
    if (at.index.empty()) return constant(node.type.elem, 0, at.node);
    if (layout_.data == 0) return affine(at.index[0], at.node); // without data: the place in the batch
    return row_number(0, at.index[0], at.node);
  case ir::InputKind::setting: {
    Access setting{memory_.settings(), input.slot, {}, {}};
    const std::vector<Size> strides = row_major_strides(node.type.dims);
    for (size_t axis = 0; axis < at.index.size(); ++axis) add_strided(setting, at.index[axis], strides[axis]);
    return converted(emit(load_of(Elem::f64, setting, node.place), is_inner(at.index)), node.type.elem, at.node);
  }
  case ir::InputKind::argument:
    if (!memory_.view(at.node)) throw ir::InternalError("an entry has no arguments");
    return load(at); // of a loop's body
  default: break;
  }
  Instruction made = instruction(Code::call_value, Elem::i32, node.place);
  made.input = input.kind;
  return converted(emit(std::move(made), false), node.type.elem, at.node);
}

ValueId BodyCode::row_number(int table, const Affine &row, NodeId id) {
  Access rows{memory_.row_table(table), 0, {}, {}};
  add_strided(rows, row, 1);
  return emit(load_of(Elem::i32, rows, function_[id].place), is_inner({row}));
}

ValueId BodyCode::gather(const At &at) {
  const Node &node = function_[at.node];
  int64_t batch = std::get<ir::GatherAttributes>(node.attributes).batch;
  int64_t index_rank = function_.type(node.operands[1]).rank();
  ValueId row = value({node.operands[1], Index(at.index.begin(), at.index.begin() + index_rank)});
  MemoryView table = *memory_.view(node.operands[0]);
  Index fixed(at.index.begin(), at.index.begin() + batch);
  fixed.push_back({});
  fixed.insert(fixed.end(), at.index.begin() + index_rank, at.index.end());
  Access target = access(table, fixed);
  target.indirect.emplace_back(row, table.strides[batch]);
  return emit(load_of(node.type.elem, target, node.place), is_inner(at.index));
}

ValueId BodyCode::constant(Elem elem, double number, NodeId id) {
  Instruction made = instruction(Code::constant, elem, function_[id].place);
  made.value = number;
  return emit(std::move(made), false);
}

ValueId BodyCode::converted(ValueId from, Elem elem, NodeId id) {
  if (kernel_.values[from].elem == elem) return from;
  return emit(scalar_of(Op::convert, elem, {from}, function_[id].place), in_stage(from));
}

/// constant + Σ coefficient·axis as an i32 value.
ValueId BodyCode::affine(const Affine &index, NodeId id) {
  bool inner = is_inner({index});
  PlaceId place = function_[id].place;
  auto scalar = [&](Op op, ValueId a, ValueId b) { return emit(scalar_of(op, Elem::i32, {a, b}, place), inner); };
  ValueId sum = -1;
  for (auto [axis, coefficient] : index.terms) {
    Instruction loop = instruction(Code::axis, Elem::i32, place);
    loop.axis = axis;
    ValueId term = emit(std::move(loop), inner);
    if (coefficient != 1) term = scalar(Op::mul, term, constant(Elem::i32, static_cast<double>(coefficient), id));
    sum = sum < 0 ? term : scalar(Op::add, sum, term);
  }
  if (sum < 0) return constant(Elem::i32, static_cast<double>(index.constant), id);
  return index.constant == 0 ? sum : scalar(Op::add, sum, constant(Elem::i32, static_cast<double>(index.constant), id));
}

// Addresses.

void BodyCode::add_strided(Access &access, const Affine &index, const Size &stride) {
  access.constant = access.constant + stride * Size(index.constant);
  for (auto [axis, coefficient] : index.terms) {
    if (static_cast<int>(access.strides.size()) <= axis) access.strides.resize(axis + 1);
    access.strides[axis] = access.strides[axis] + stride * Size(coefficient);
  }
}

Access BodyCode::access(const MemoryView &view, const Index &index) {
  Access made{view.buffer, view.start, {}, {}};
  for (size_t axis = 0; axis < index.size(); ++axis) {
    if (axis == 0 && view.rows >= 0) {
      Access rows{memory_.row_table(view.rows), 0, {}, {}};
      add_strided(rows, index[0], 1);
      ValueId row = emit(load_of(Elem::i32, rows, {}), is_inner({index[0]}));
      made.indirect.emplace_back(row, view.strides[0]);
    } else {
      add_strided(made, index[axis], view.strides[axis]);
    }
  }
  return made;
}

Access BodyCode::row_major(NodeId id, const Index &index, BufferId buffer) const {
  Access made{buffer, 0, {}, {}};
  std::vector<Size> strides = row_major_strides(function_.type(id).dims);
  for (size_t axis = 0; axis < index.size(); ++axis) add_strided(made, index[axis], strides[axis]);
  return made;
}

// Stores.

void BodyCode::store_member(const Member &member, ValueId made) {
  const Node &node = function_[member.node];
  At at{member.node, rename_axes(identity_index(node.type.rank()), group_->value_axes(member))};
  (is_inner(at.index) ? in_stage_ : in_kernel_)[at] = made;
  // A reduction's value exists once its stage has ended.
  const int stage = member.level % 2 == 1 && !member.inner ? member.level + 1 : member.level;
  if (static_cast<int>(kernel_.stages.size()) <= stage) kernel_.stages.resize(stage + 1);
  const Access own = home(member.node, at.index);
  store_at(made, node.type.elem, own, member.node, stage);
  for (size_t output = 0; output < function_.outputs.size(); ++output)
    if (function_.outputs[output].node == member.node && outputs_[output] != own.buffer)
      store_output(made, function_.outputs[output], row_major(member.node, at.index, outputs_[output]), member.node, stage);
}

void BodyCode::store_output(ValueId made, const ir::Output &output, Access target, NodeId id, int stage) {
  bool counted = output.kind == ir::OutputKind::cost || output.kind == ir::OutputKind::report;
  Elem elem = function_.type(id).elem;
  if ((counted || output.kind == ir::OutputKind::check) && elem != Elem::f64) {
    elem = Elem::f64;
    made = put(scalar_of(Op::convert, elem, {made}, function_[id].place), stage);
  }
  if (counted) target.constant = target.constant + Size(output.slot);
  store_at(made, elem, std::move(target), id, stage);
}

// Placement.

bool BodyCode::is_inner(const Index &index) const {
  if (inner_from_ < 0) return false;
  for (const Affine &part : index)
    for (auto [axis, coefficient] : part.terms)
      if (axis >= inner_from_) return true;
  return false;
}

bool BodyCode::in_stage(ValueId value) const {
  const auto &code = kernel_.stages[level_].code;
  return level_ % 2 == 1 && std::find(code.begin(), code.end(), value) != code.end();
}

ValueId BodyCode::emit(Instruction instruction, bool inner) {
  return put(std::move(instruction), inner || level_ % 2 == 0 ? level_ : level_ - 1);
}

ValueId BodyCode::put(Instruction instruction, int stage) {
  ValueId id = static_cast<ValueId>(kernel_.values.size());
  kernel_.values.push_back(std::move(instruction));
  kernel_.stages[stage].code.push_back(id);
  return id;
}

} // namespace nnc::codegen
