#pragma once
// A tensor among the arguments of a call, with the formal that it is given for.

#include "frontend/elaborator.h"

namespace nnc::frontend {

struct Elaborator::FormalLeaf {
  const Formal *formal;
  const TypeExpr *type; // of the leaf, where the formal is a tuple
  Value given;
  Span span;
  TensorValue value;
  size_t extra = 0;        // axes in front of the declared ones
  Type declared;           // with the dimensions that the call binds
  std::vector<bool> known; // per declared axis: is `declared.dims` filled in
};

/// The element kind that a type's name means, or nothing.
std::optional<ElementKind> element_kind(const std::string &name);

/// A formal's value from its leaves' in order, from the `next`-th.
Value rebuild(const TypeExpr &, const std::vector<Value> &leaves, size_t &next);

} // namespace nnc::frontend
