// The main program of ./train: the module that is linked with it, and the arguments.

#include "runtime/program.h"

extern "C" {
extern const char nnc_description[];
void nnc_init(nnc_call *, int, int);
void nnc_train(nnc_call *, int, int);
void nnc_evaluate(nnc_call *, int, int);
void nnc_predict(nnc_call *, int, int);
void nnc_check(nnc_call *, int, int);
void nnc_report(nnc_call *, int, int);
[[gnu::weak]] void nnc_train_one(nnc_call *, int, int);
}

int main(int count, char **args) {
  const nnc_module module = {nnc_description, nnc_init,  nnc_train,  nnc_evaluate,
                             nnc_predict,     nnc_check, nnc_report, nnc_train_one};
  return nnc::runtime::run_program(module, {args + 1, args + count});
}
