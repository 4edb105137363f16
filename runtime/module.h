#pragma once
// The interface between a compiled model and the runtime: what `nnc` exports into an object or the JIT, and all that the
// runtime knows of a model. Plain C types, so that the generated code can build and read them.
//
// A compiled module exports
//   const char nnc_description[];                    JSON, read once at the edge (runtime/description.h has its fields)
//   void nnc_init(nnc_call*, int thread, int threads);       parameters, states and optimizer states from the seed
//   void nnc_train(nnc_call*, int thread, int threads);      `steps` optimizer steps over `rows`
//   void nnc_train_one(nnc_call*, int thread, int threads);  the same, for mini-batches of one example; not every module has it
//   void nnc_evaluate(nnc_call*, int thread, int threads);   one mini-batch, `training` false
//   void nnc_report(nnc_call*, int thread, int threads);     at the end of a pass, the reports that are made of its sums
//   void nnc_predict(nnc_call*, int thread, int threads);    one mini-batch of predictions
//   void nnc_check(nnc_call*, int thread, int threads);      one mini-batch of the fields that must be whole numbers below a limit
// Each is called by every thread of a team with the same nnc_call; the code parts its work by `thread` of `threads` in
// shares that never change a result, and meets in nnc_barrier(call->team) where `threads` > 1.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NNC_MODULE_VERSION 4

typedef struct nnc_call {
  unsigned char *state; // parameters, states and optimizer states at the offsets that the description gives; 64-byte aligned
  unsigned char *arena; // scratch of the entry's a + b·B + c·B² bytes; 64-byte aligned
  const void *const *sources; // per source: its rows, row-major, in the stored element type of the description
  const int32_t *const *rows; // per data clause: row numbers, `batch` for each step, one step after the other
  void *const *outputs;       // predict: per prediction `batch` × its elements; check: per checked field, as f64
  const double
      *settings; // the optimizers' arguments that `--set` can change, in the description's order; report: the sums over the pass
  double *costs; // train: per step and `minimize` clause the mean over the batch, [steps][clauses];
                 // evaluate: per clause the SUM over the batch's examples
  double *
      reports; // train: per step and report the SUM over the batch's examples, [steps][reports]; evaluate: the same for one batch; behind
               // the reports the sums that `report` needs. report: per report its value, or untouched
  const int32_t *stop; // looked at before each step: nonzero ends the call (written by another thread or a signal)
  void *team;          // handed to nnc_barrier
  int64_t batch;       // B: examples in each mini-batch of this call; report: of the pass
  int64_t steps;       // train: how many steps
  int64_t done;        // train, written by thread 0: steps finished in this call. It ends early when stopped, or
                       // after a step with a cost that is not finite (that clause then has not updated)
  int64_t step;        // number of the first step of this call, from 1; evaluate: the step just done
  int64_t total_steps; // what `steps` in the language reads
  int64_t epoch;       // from 0: what `epoch` in the language reads
  uint64_t seed;
  int32_t alone; // written by thread 0: 1 where no kernel has work enough for several threads at this batch, so that one thread
                 // may as well call the entry
  int64_t *
      ticks; // train: null, or time-stamp counts to add to, one row a thread: for each kernel in order, and then for all else (meeting
             // the others, going from step to step). A row has this many numbers, filled up to a multiple of 8
} nnc_call;

typedef void (*nnc_entry)(nnc_call *, int thread, int threads);

// Provided by the runtime to the generated code: returns when every thread of the team has called it.
void nnc_barrier(void *team);

// Likewise: the numbers that sort keys[0], keys[stride], … of `count`, ascending, NaN last, equals in their order.
void nnc_order_i32(const int32_t *keys, int64_t stride, int64_t count, int32_t *result);
void nnc_order_f32(const float *keys, int64_t stride, int64_t count, int32_t *result);
void nnc_order_f64(const double *keys, int64_t stride, int64_t count, int32_t *result);

// What the runtime starts from: a linked program has one (see runtime/main.cpp), the JIT fills one in.
typedef struct nnc_module {
  const char *description;
  nnc_entry init, train, evaluate, predict, check, report;
  nnc_entry train_one; // or null
} nnc_module;

#ifdef __cplusplus
}
#endif
