// The table of all operations, and what follows from a record alone.

#include "ir/family.h"

#include <array>

namespace nnc::ir {

static constexpr std::array table = {
#define NNC_OP(name) &records::name,
#include "ir/ops.def"
};

const OpRecord &record(Op op) { return *table[static_cast<size_t>(op)]; }

bool passes_gradient(const Node &node) {
  return is_float(node.type.elem) && !std::holds_alternative<NotDifferentiable>(record(node.op).adjoint);
}

std::optional<Op> op_named(std::string_view name) {
  for (size_t i = 0; i < table.size(); ++i)
    if (name == table[i]->name) return static_cast<Op>(i);
  return std::nullopt;
}

Type result_type(Op op, std::vector<const Type *> operands, const Attributes &attributes, const Type *declared,
                 std::string &error) {
  const OpRecord &facts = record(op);
  if (facts.operands >= 0 && operands.size() != static_cast<size_t>(facts.operands))
    return fail(error, "takes {} operands, got {}", facts.operands, operands.size());
  if (attributes.index() != facts.blank().index()) return fail(error, "has attributes of another operation");
  if (facts.declared_type != (declared != nullptr))
    return fail(error, "{}", facts.declared_type ? "needs its result's type" : "has its result's type from its operands");
  if (declared) operands.push_back(declared);
  Type result = facts.shape(operands, attributes, error);
  Count count;
  if (error.empty() && !product(result.dims, count)) return fail(error, "{} has too many elements", to_string(result));
  return result;
}

NodeId BatchContext::lift(size_t i) const { return lifted[i] ? operands[i] : builder.broadcast_leading(operands[i], {size}); }

} // namespace nnc::ir
