#include "frontend/index_form.h"

#include "ir/op.h"

#include <algorithm>
#include <cstdlib>

namespace nnc::frontend {

using ir::NodeId;
using ir::Op;

namespace {

/// Sums of products of numbers below this stay within 64 bits.
constexpr int64_t limit = int64_t{1} << 31;

using Form = std::optional<IndexForm>;

Form bounded(IndexForm form) {
  bool small = std::abs(form.constant) < limit;
  for (const auto &term : form.terms) small = small && std::abs(term.coefficient) < limit;
  std::erase_if(form.terms, [](const auto &term) { return term.coefficient == 0; });
  return small ? Form(std::move(form)) : std::nullopt;
}

Form scaled(Form form, int64_t factor) {
  if (!form) return form;
  form->constant *= factor;
  for (auto &term : form->terms) term.coefficient *= factor;
  return bounded(std::move(*form));
}

Form sum(Form a, const Form &b) {
  if (!a || !b) return std::nullopt;
  a->constant += b->constant;
  for (const auto &term : b->terms) {
    auto same = std::find_if(a->terms.begin(), a->terms.end(), [&](const auto &t) { return t.variable == term.variable; });
    same == a->terms.end() ? a->terms.push_back(term) : void(same->coefficient += term.coefficient);
  }
  return bounded(std::move(*a));
}

/// Reads few nodes only: a value doubled again and again is a tree of all its uses.
struct Reader {
  int budget = 100;

  Form read(Frame &frame, NodeId id) {
    const ir::Node &node = frame.function()[id];
    if (node.type.elem != ir::Elem::i32 || --budget < 0) return std::nullopt;
    Form form = inside(frame, node, id);
    return form ? form : as_index(frame, id);
  }

private:
  Form inside(Frame &frame, const ir::Node &node, NodeId id) {
    const std::vector<NodeId> operands = node.operands;
    switch (node.op) {
    case Op::constant: {
      const auto &values = std::get<ir::ConstantAttributes>(node.attributes).values;
      return values.size() == 1 ? bounded({static_cast<int64_t>(values[0]), {}}) : std::nullopt;
    }
    case Op::input: {
      if (frame.noted_index(id)) return std::nullopt;
      const auto outer = frame.outer_node(id);
      return outer ? read(*frame.parent(), *outer) : std::nullopt;
    }
    case Op::copy:
    case Op::broadcast:
    case Op::reshape: return read(frame, operands[0]);
    case Op::neg: return scaled(read(frame, operands[0]), -1);
    case Op::add: return sum(read(frame, operands[0]), read(frame, operands[1]));
    case Op::sub: return sum(read(frame, operands[0]), scaled(read(frame, operands[1]), -1));
    case Op::mul: {
      Form a = read(frame, operands[0]), b = read(frame, operands[1]);
      if (a && b && a->terms.empty()) return scaled(b, a->constant);
      return a && b && b->terms.empty() ? scaled(a, b->constant) : std::nullopt;
    }
    default: return std::nullopt;
    }
  }

  /// An index as itself; one that is not of index notation as a variable with its limit.
  static Form as_index(const Frame &frame, NodeId id) {
    const Element *element = frame.noted_index(id);
    if (!element) return std::nullopt;
    std::shared_ptr<IndexVariable> variable = element->variable;
    if (!variable) {
      variable = std::make_shared<IndexVariable>();
      variable->known = variable->given = true;
      variable->extent = element->limit;
    }
    return IndexForm{0, {{std::move(variable), 1}}};
  }
};

} // namespace

std::optional<IndexForm> index_form(Frame &frame, NodeId id) { return Reader{}.read(frame, id); }

IndexInterval interval_of(const IndexForm &form, const IndexVariable *but) {
  IndexInterval result{form.constant, form.constant};
  for (const auto &[variable, coefficient] : form.terms) {
    if (variable.get() == but) continue;
    const int64_t first = coefficient * variable->low, last = coefficient * (variable->extent.value - 1);
    result.low += std::min(first, last);
    result.high += std::max(first, last);
  }
  return result;
}

} // namespace nnc::frontend
