// Programs from their text: steps by the reference evaluator in f64 against PyTorch's numbers.

#include "frontend/prelude.h"
#include "frontend/program_build.h"
#include "ir/evaluate.h"
#include "ir/verify.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

using namespace nnc;
using namespace nnc::ir;

namespace {

/// Trains on the rows of list sources, one mini-batch of all rows a step.
class Trainer {
public:
  explicit Trainer(const std::string &text) {
    SourceMap sources;
    Diagnostics diagnostics(sources);
    frontend::Elaborator elaborator(sources, diagnostics, {Elem::f64, {}, frontend::prelude_files(), {}, {}});
    const frontend::FileScope *file = elaborator.load("test.nn", text);
    auto made = frontend::build_program(elaborator, *file, "");
    INFO(render_text(diagnostics, false));
    REQUIRE(made);
    program = std::move(*made);
    train = passes::train_entry(program.training, program.clauses);
    CHECK(verify(train) == "");
    tensors.resize(program.tensors.size());
    const std::vector<Array> initial = run(program.initialise);
    for (size_t i = 0; i < initial.size(); ++i) tensors[program.initialise.outputs[i].slot] = initial[i];
  }

  /// The cost of each clause before its update.
  std::vector<double> step() {
    ++number;
    std::vector<double> costs;
    const std::vector<Array> values = run(train);
    for (size_t i = 0; i < values.size(); ++i) {
      if (train.outputs[i].kind == OutputKind::tensor) tensors[train.outputs[i].slot] = values[i];
      if (train.outputs[i].kind == OutputKind::cost) costs.push_back(values[i].values[0]);
    }
    return costs;
  }

  std::vector<double> tensor(const std::string &name) const {
    for (size_t i = 0; i < tensors.size(); ++i)
      if (program.tensors[i].name == name) return tensors[i].values;
    return {};
  }

  std::vector<Array> run(const Function &function) const {
    return evaluate(function, program.batch, [&](const Input &input, const Type &type) {
      std::vector<int64_t> dims;
      for (const Extent &extent : type.dims) dims.push_back(extent.at(program.batch));
      Array value{type.elem, dims, {0}};
      if (input.kind == InputKind::tensor) return tensors[input.slot];
      if (input.kind == InputKind::source) value.values = program.sources[input.slot].values;
      if (input.kind == InputKind::setting) value.values = {program.settings[input.slot].value};
      if (input.kind == InputKind::step) value.values = {static_cast<double>(number)};
      if (input.kind == InputKind::total_steps) value.values = {10};
      if (input.kind == InputKind::examples) value.values = {static_cast<double>(program.batch)};
      if (input.kind == InputKind::row) {
        value.values.clear();
        for (int64_t i = 0; i < program.batch; ++i) value.values.push_back(static_cast<double>(i));
      }
      return value;
    });
  }

  frontend::Program program;
  Function train;

private:
  std::vector<Array> tensors;
  int number = 0;
};

/// w and b of a linear model, three steps.
std::string linear(const std::string &clauses) {
  return R"(
data pairs {
  x: real[2] = [[1, 2], [-3, 0.5], [0.25, -1]]
  y: real    = [1, -2, 3]
}
model Linear {
  param w: real[2] = 0.5
  param b: real = -0.1
  fn (x: real[2]) -> real = w @ x + b
}
train {
  net      = Linear()
  data     pairs
  minimize (net(x) - y)^2
  batch    3
)" + clauses +
         "\n}\n";
}

} // namespace

TEST_CASE("every optimizer does PyTorch's arithmetic") {
  struct Case {
    const char *clauses;
    double w0, w1, b; // after three steps of torch.optim in f64
  };
  const Case cases[] = {
      {"using sgd(rate = 0.5)", 3.729979564525463, -1.3739330150462963, 0.8483904803240743},
      {"using sgd(rate = 0.05, momentum = 0.9, decay = 5e-2)", 0.8525110071252894, -0.26220486704282403, 0.37154482867476857},
      {"using sgd(0.05, 0.9)", 0.8583928701895254, -0.2579348705150463, 0.3712874529803241},
      {"using momentum(rate = 0.1, beta = 0.8)", 1.0146412254050927, -0.7312081307870371, 0.8039037905092592},
      {"using adam()", 0.5029996755894223, 0.4970000729927741, -0.09699999018078113},
      {"using adam(rate = 0.003, beta1 = 0.5, decay = 0.1)", 0.5089809490878847, 0.49100419138694457, -0.09099978417251357},
      {"using adamw()", 0.5029846479265032, 0.4969851036867063, -0.09699702037792302},
      {"using adamw(rate = 0.01, decay = 0.3)", 0.5253941047570342, 0.4656127386767841, -0.06919212995347948},
      {"using rmsprop()", 0.6939359862505149, 0.2777026845949042, 0.1292443345437982},
      {"using rmsprop(rate = 0.02, momentum = 0.9, decay = 0.1)", 1.0697694180303932, -0.37200416729267033, 0.8244653776498534},
      {"using adagrad()", 0.5225644719082585, 0.4772180631404044, -0.07714742024898356},
      {"using adagrad(rate = 0.1, rate_decay = 0.1, decay = 0.01)", 0.6827997257760899, 0.293185282026619, 0.11267241265423633},
      {"using lion()", 0.5003, 0.49970000000000003, -0.0997},
      {"using lion(rate = 0.01, decay = 0.1)", 0.5284715094999999, 0.4685314895, -0.06973028990000002},
      {"using sgd(rate = 0.5)\n  clip_norm 0.5", 0.7522220934473062, -0.07446862146519106, 0.30132951882125514},
  };
  for (const Case &c : cases) {
    INFO(c.clauses);
    Trainer trainer(linear(c.clauses));
    for (int i = 0; i < 3; ++i) trainer.step();
    CHECK(trainer.tensor("w")[0] == Approx(c.w0).epsilon(1e-12));
    CHECK(trainer.tensor("w")[1] == Approx(c.w1).epsilon(1e-12));
    CHECK(trainer.tensor("b")[0] == Approx(c.b).epsilon(1e-12));
  }
}

TEST_CASE("a schedule is evaluated each step, and is no setting") {
  Trainer trainer(linear("using sgd(rate = linear(1, warmup = 2, floor = 0.5), momentum = 0)"));
  CHECK(trainer.program.settings.empty());
  const Trainer settings(linear("using sgd(rate = 0.1, momentum = 0.9)"));
  REQUIRE(settings.program.settings.size() == 2);
  CHECK(settings.program.settings[0].name == "rate");
}

TEST_CASE("an `if` of an optimizer leaves out the states that it does not need") {
  CHECK(Trainer(linear("using sgd(rate = 0.1)")).program.tensors.size() == 2);
  CHECK(Trainer(linear("using sgd(rate = 0.1, momentum = 0.5)")).program.tensors.size() == 4);
}

TEST_CASE("predictions are of one example alone, without dropout") {
  const Trainer trainer(R"(
data pairs { x: real = [1, 3] }
model Net {
  param w: real = 2
  fn (x: real) -> real = dropout(w * x, 0.5) - batch_mean(w * x)
}
train {
  net      = Net()
  data     pairs
  minimize net(x)^2
  using    sgd(rate = 0.1)
  predict  y = net(x)
  predict  z = w_of(x)
  batch    2
}
fn w_of(x: real) -> real = 3 * x
)");
  const std::vector<Array> values = trainer.run(passes::batched_entry(trainer.program.prediction));
  CHECK(values[0].values == std::vector<double>{0, 0});
  CHECK(values[1].values == std::vector<double>{3, 9});
  CHECK(trainer.program.predictions[1].sources == std::vector<int>{0});
}

TEST_CASE("validation reads the fields of its own data") {
  const Trainer trainer(R"(
data pairs { x: real = [1, 3] }
data others { x: real = [5, 7] }
model Net { param w: real = 2; fn (x: real) -> real = w * x }
train {
  net      = Net()
  data     pairs
  validate others
  minimize net(x)
  using    sgd(rate = 0.1)
  batch    2
}
)");
  CHECK(trainer.run(passes::evaluate_entry(trainer.program.validation))[0].values == std::vector<double>{24});
  CHECK(trainer.program.validate_data == 1);
}

namespace {

/// Trains on three examples of x, y in real[2] and t, with rate 0.5.
std::string across(const std::string &model, const std::string &cost) {
  return R"(
data pairs {
  x: real[2] = [[1, 2], [-3, 0.5], [0.25, -1]]
  y: real[2] = [[0.5, 1], [1, -2], [3, 0.1]]
  t: real    = [1, -2, 3]
}
)" + model +
         R"(
train {
  net      = Net()
  data     pairs
  minimize )" +
         cost + R"(
  using    sgd(rate = 0.5)
  batch    3
}
)";
}

const char *const vector_model = "model Net {\n  param w: real[2] ~ constant(0)\n"
                                 "  fn (x: real[2]) -> real = tanh((w + stack(0.5, -0.25)) @ x)\n"
                                 "  fn adapted(x: real[2], t: real, y: real[2]) -> real {\n"
                                 "    fast = self - 0.1 * grad(batch_mean((self(x) - t)^2), self)\n"
                                 "    fast(y)\n  }\n"
                                 "  fn penalty(x: real[2], t: real) -> real {\n"
                                 "    g = grad(batch_mean((self(x) - t)^2), w)\n    0.1 * (g @ g)\n  }\n}\n";

void check_steps(const std::string &text, const std::vector<double> &costs, const std::vector<double> &w,
                 const std::vector<double> &shift) {
  Trainer trainer(text);
  for (double cost : costs) CHECK(trainer.step()[0] == Approx(cost).epsilon(1e-12));
  for (size_t i = 0; i < w.size(); ++i) CHECK(trainer.tensor("w")[i] + shift[i] == Approx(w[i]).epsilon(1e-12));
}

} // namespace

TEST_CASE("costs across the mini-batch descend as PyTorch's") {
  check_steps(across("let first = [[0.5, -0.25], [0.125, 1]]\nmodel Net {\n  param w: real[2, 2] = first\n"
                     "  fn (x: real[2]) -> real[2] = tanh(w @ x)\n}\n",
                     "cross_entropy(batch(net(y)) @ net(x) * 2, here)"),
              {1.5731367989195035, 0.9774072431285997, 0.9009067497770161},
              {0.1126139264544219, -0.1848631800131574, 0.9807590662444178, 0.6339411455343367}, {0, 0, 0, 0});
}

TEST_CASE("a gradient of the mini-batch's mean is the sum over its examples, and is descended through") {
  check_steps(across(vector_model, "(net.adapted(x, t, y) - t)^2"), {4.368888051162753, 3.528083604794979, 1.7116860969061916},
              {0.3122138160737188, 1.6623205309579834}, {0.5, -0.25});
  check_steps(across(vector_model, "(net(x) - t)^2 + net.penalty(x, t)"), {3.235568671299758, 2.2672659676656175},
              {1.6991472377321455, -0.8536795812140896}, {0.5, -0.25});
}
