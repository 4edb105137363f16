#pragma once
// window_add the other way round: every element of the result collects what is added to it. Where r = c + a·i + Σ b·p, the element r
// is the sum over p of what stands at i = (r - c - Σ b·p) / a, or 0 where there is none: x with a - 1 zeros between its elements along i and more of
// them around, read by a window. Nothing is scattered, and a factor of x that has no i is read as it is.

#include "ir/op.h"

#include <functional>
#include <optional>

namespace nnc::ir {

/// A tensor with some of the axes of a space, ascending.
struct Part {
  NodeId node;
  std::vector<int64_t> axes;
};

/// The space in which a window_add collects: the axes of its result, then those that are summed.
class WindowSum {
public:
  /// Nothing where two axes of the result need the same axis of the operand. `uses` tells how many factors have an axis of the operand: one of few is
  /// rather given up for an axis of the result, but not one of none, as then nothing would be 0 beyond its ends.
  static std::optional<WindowSum> of(const Type &operand, const WindowAttributes &, const Shape &result,
                                     const std::function<int(int64_t axis)> &uses);

  const Shape &space() const { return space_; }
  std::vector<int64_t> summed() const; // axes of the space

  /// Whether the operand's axis is an axis of the result now, so that a part that has it is read at other places, 0 where there is nothing.
  bool is_moved(int64_t axis) const { return result_axis_[axis] >= 0; }
  /// The axis of the space of an operand's axis that is not moved.
  int64_t place(int64_t axis) const { return place_[axis]; }
  /// A part of the operand's axes as one of the space.
  Part read(Builder &, const Part &) const;

private:
  struct Collected {                               // one axis of the result
    int64_t from;                                  // the axis of the operand
    int64_t constant, step;                        // r = constant + step·from + …
    std::vector<std::pair<int64_t, int64_t>> rest; // axes of the space, coefficients
  };
  std::vector<Collected> axes_;
  std::vector<int64_t> result_axis_, place_; // per axis of the operand; -1: none
  Shape space_;
};

/// The sum as operations that have kernels: collected, or scattered where it cannot be.
NodeId plain_window_add(Builder &, NodeId x, const WindowAttributes &, const Shape &result);

} // namespace nnc::ir
