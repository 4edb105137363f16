// A kernel with steps: for each slab of its share, calls of the steps' kernels with the places that these have in the slab.

#include "codegen/lower.h"

namespace nnc::codegen {

using llvm::Value;

namespace {

class Steps {
public:
  explicit Steps(KernelFunction &f) : f_(f) {
    size_t most = 1;
    for (const FormStep &step : f.form.steps)
      for (const StepCall &call : step.calls) most = std::max(most, call.places.size() + call.numbers.size());
    places_ = f.local(f.b.getInt64Ty(), static_cast<int64_t>(most), 8);
    const size_t point = (f.kernel.axes.size() + 1) * sizeof(int32_t); // behind the scratch
    scratch_ = f.local(f.b.getInt8Ty(), f.kernel.slab_bytes + static_cast<int64_t>(point), 64);
  }

  void emit() {
    f_.loop(f_.begin, f_.end, 1, [&](Value *slab) {
      const std::vector<Value *> point = point_of(slab);
      for (size_t axis = 0; axis < point.size(); ++axis) put_number(axis, point[axis]);
      for (const FormStep &step : f_.form.steps)
        f_.loop(f_.integer(0), f_.integer(step.turns), 1, [&](Value *turn) {
          std::vector<Value *> axes = point;
          axes.push_back(turn);
          put_number(point.size(), turn);
          for (const StepCall &call : step.calls) emit(call, axes);
        });
    });
  }

private:
  /// The point of the kernel's axes with that number, the last axis the fastest.
  std::vector<Value *> point_of(Value *number) {
    std::vector<Value *> point(f_.kernel.axes.size());
    for (size_t axis = point.size(); axis-- > 0;) {
      Value *extent = f_.size(f_.kernel.axes[axis]);
      point[axis] = axis == 0 ? number : f_.b.CreateURem(number, extent);
      if (axis > 0) number = f_.b.CreateUDiv(number, extent);
    }
    return point;
  }

  void put_number(size_t axis, Value *number) {
    const int64_t at = f_.kernel.slab_bytes + static_cast<int64_t>(axis * sizeof(int32_t));
    f_.b.CreateStore(f_.b.CreateTrunc(number, f_.b.getInt32Ty()),
                     f_.b.CreateConstInBoundsGEP1_64(f_.b.getInt8Ty(), scratch_, at));
  }

  void emit(const StepCall &call, const std::vector<Value *> &axes) {
    size_t number = 0;
    auto put = [&](Value *value) {
      f_.b.CreateStore(value, f_.b.CreateConstInBoundsGEP1_64(f_.b.getInt64Ty(), places_, number++));
    };
    for (const StepPlace &place : call.places) {
      Value *address = f_.b.CreatePtrToInt(place.buffer < 0 ? scratch_ : f_.base(place.buffer), f_.b.getInt64Ty());
      address = f_.b.CreateAdd(address, f_.size(place.offset));
      for (size_t axis = 0; axis < place.moves.size(); ++axis)
        if (!place.moves[axis].is_zero())
          address = f_.b.CreateAdd(address, f_.b.CreateMul(axes[axis], f_.size(place.moves[axis])));
      put(address);
    }
    for (int given : call.numbers) put(f_.number(static_cast<uint64_t>(given)));
    auto argument = [&](unsigned i) -> Value * { return f_.function->getArg(i); }; // call, places, examples, turn, begin, end
    f_.b.CreateCall(kernel_function(*f_.function->getParent(), call.name),
                    {argument(0), places_, argument(2), argument(3), f_.integer(0), f_.size(call.extent)});
  }

  KernelFunction &f_;
  Value *places_, *scratch_;
};

} // namespace

void lower_steps(KernelFunction &f) { Steps(f).emit(); }

} // namespace nnc::codegen
