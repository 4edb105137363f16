#include "runtime/model.h"

#include "runtime/error.h"
#include "runtime/size.h"

namespace nnc::runtime {
int64_t arena_bytes(const Bytes &bytes, int64_t batch) {
  auto square = checked_multiply(batch, batch), linear = checked_multiply(bytes[1], batch);
  auto total = linear ? checked_add(bytes[0], *linear) : std::nullopt;
  auto quadratic = bytes[2] == 0 ? std::optional<int64_t>(0) : square ? checked_multiply(bytes[2], *square) : std::nullopt;
  total = total && quadratic ? checked_add(*total, *quadratic) : std::nullopt;
  if (!total) fail("mini-batches of {} examples need more memory than can be addressed; make --batch smaller", batch);
  return *total;
}

Model::Model(const nnc_module &module, int threads)
    : about(from_json(module.description)), module(module), state(about.state_bytes, "parameters"), team(threads, about.stack_bytes) {
  for (const Setting &setting : about.settings) settings.push_back(setting.value);
  seed = about.seed;
}

void Model::prepare(const Bytes &bytes, int64_t batch) {
  if (int64_t wanted = arena_bytes(bytes, batch); wanted > arena.size()) {
    arena = Memory(); // first give back, then take
    arena = Memory(wanted, "the values of one mini-batch");
  }
}

nnc_call Model::call() const {
  nnc_call call{};
  call.state = state.data();
  call.arena = arena.data();
  call.settings = settings.data();
  call.seed = seed;
  return call;
}

void Model::run(nnc_entry entry, nnc_call &call) {
  auto known = alone.find({entry, call.batch});
  if (is_single || (known != alone.end() && known->second)) {
    call.team = nullptr;
    entry(&call, 0, 1);
    return;
  }
  call.alone = 0;
  team.run(entry, call);
  alone[{entry, call.batch}] = call.alone != 0;
}

void Model::initialise() {
  prepare(about.init_arena, 1);
  nnc_call call = this->call();
  call.batch = 1;
  run(module.init, call);
}

int64_t Model::parameters() const {
  int64_t total = 0;
  for (const Tensor &tensor : about.tensors)
    if (tensor.kind == "parameter") total += elements_of(tensor.shape);
  return total;
}

} // namespace nnc::runtime
