// The order of elements: loops over the outer axes around a call of the runtime's sort.

#include "codegen/lower.h"

#include <fmt/format.h>

namespace nnc::codegen {

using llvm::Value;

namespace {

class OrderingLowering {
public:
  explicit OrderingLowering(KernelFunction &f) : f_(f), shared_axis_(axis_to_share(f.kernel)), values_(f.kernel.values.size()) {
    llvm::Type *pointer = f.b.getPtrTy(), *i64 = f.b.getInt64Ty();
    sort_ = f.function->getParent()->getOrInsertFunction(fmt::format("nnc_order_{}", ir::name(f.kernel.ordering->elem)),
                                                         f.b.getVoidTy(), pointer, i64, i64, pointer);
  }

  void emit() {
    if (f_.kernel.axes.empty())
      f_.when(f_.b.CreateICmpSLT(f_.begin, f_.end), [&] { call(); });
    else
      outer_axis(0);
  }

private:
  void outer_axis(size_t axis) {
    if (axis == f_.kernel.axes.size()) return call();
    const bool is_shared = axis == shared_axis_;
    f_.loop(is_shared ? f_.begin : f_.integer(0), is_shared ? f_.end : f_.size(f_.kernel.axes[axis]), 1, [&](Value *index) {
      axes_.push_back(index);
      outer_axis(axis + 1);
      axes_.pop_back();
    });
  }

  void call() {
    const Ordering &ordering = *f_.kernel.ordering;
    const size_t sorted = f_.kernel.axes.size();
    std::vector<Value *> first = axes_;
    first.push_back(f_.integer(0));
    f_.b.CreateCall(sort_, {address(f_, ordering.keys, first, values_), f_.size(stride_of(ordering.keys, sorted)),
                            f_.size(ordering.count), address(f_, ordering.result, first, values_)});
  }

  KernelFunction &f_;
  const size_t shared_axis_;
  const Computations values_; // none: no access is indirect
  llvm::FunctionCallee sort_;
  std::vector<Value *> axes_;
};

} // namespace

void lower_ordering(KernelFunction &f) { OrderingLowering(f).emit(); }

Sharing ordering_sharing(const Kernel &kernel) {
  constexpr double element = 30; // nanoseconds or so
  Sharing sharing;
  sharing.points = kernel.axes;
  sharing.points.push_back(kernel.ordering->count);
  sharing.work = element;
  if (!kernel.axes.empty()) sharing.extent = kernel.axes[axis_to_share(kernel)];
  return sharing;
}

} // namespace nnc::codegen
