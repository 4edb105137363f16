#pragma once
// Equal kernels once. The blocks of a network are the same kernels at other places, and evaluate and predict repeat train's forward pass. A
// form is a kernel without its places: buffers and values are numbered in the order of their use, a draw names its path by number, and of the
// extent that threads share only what code depends on is left. Drawing takes long code, which the initial values of all parameters share: there
// the numbers that scale what is drawn are places too. One function of machine code is made for each form; a kernel is a call of it with
// the places and the share that are its own.

#include "codegen/kernel.h"
#include "codegen/sharing.h"
#include "codegen/target.h"

#include <span>

namespace nnc::codegen {

/// What code knows of a buffer beside its elements' addresses.
struct FormBuffer {
  ir::Elem elem = ir::Elem::f32;
  Size per_turn;           // bytes that it moves on from one step of a call to the next
  std::vector<bool> apart; // from each buffer of the form: they never share a byte
  bool streamed = false;   // Buffer::streamed
  bool near = false;       // a thread's scratch, which is in its caches
};

/// Where a buffer of a step's kernel is: bytes from a buffer of the kernel with steps, or (-1) from its thread's scratch.
struct StepPlace {
  int buffer = -1;
  Size offset;
  std::vector<Size> moves; // by axis, the step's turns the last
};

/// A step's kernel as a call of its form, for the whole of what threads would share of it.
struct StepCall {
  std::string name; // of the form's kernel
  std::vector<StepPlace> places;
  std::vector<int> numbers;
  Size extent;
};
struct FormStep {
  int64_t turns = 1;
  std::vector<StepCall> calls;
};

struct KernelForm {
  Kernel
      kernel; // named after the first kernel that has the form; RandomAttributes::path is a number, as is the value of a Code::given
  std::vector<FormBuffer> buffers;
  int numbers = 0;
  std::vector<FormStep> steps; // Kernel::steps are left out
};

/// A kernel of an entry as a call of its form.
struct KernelCall {
  int form = 0;
  std::vector<BufferId> buffers; // of the entry, by number in the form
  std::vector<uint64_t> numbers; // likewise: paths of draws, bits of f64 constants
  Sharing sharing;
};

struct KernelForms {
  std::vector<KernelForm> forms;              // in the order of their first use, those of steps before what they are steps of
  std::vector<std::string> keys;              // of each, as bytes: all that its code depends on beside the processor
  std::vector<std::vector<KernelCall>> calls; // by entry and kernel
};

KernelForms kernel_forms(std::span<const Entry>, const Processor &);

} // namespace nnc::codegen
