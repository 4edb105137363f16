#include "codegen/cost.h"

namespace nnc::codegen {

using ir::Op;

int scalar_cost(Op op) {
  switch (op) {
  case Op::exp:
  case Op::log:
  case Op::tanh:
  case Op::erf: return 16;
  case Op::sin:
  case Op::cos:
  case Op::tan:
  case Op::pow: return 30;
  case Op::div:
  case Op::sqrt:
  case Op::rsqrt: return 6;
  case Op::random_bits: return 60;
  case Op::copy:
  case Op::stop_gradient:
  case Op::barrier: return 0;
  default: return 1;
  }
}

} // namespace nnc::codegen
