// The vector math against the libm in a wider type: float over a sample of all bit patterns, double over several distributions.
// The sweep over all 2^32 floats and the samples of 2^24 numbers take minutes and run by name only, here with the errors measured:
//   nnc_tests -s "[sweep]"      nnc_tests -s "[samples]"
#include "codegen/vector_math.h"

#include <catch2/catch.hpp>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <vector>

using namespace nnc::codegen;

namespace {

constexpr unsigned lanes_f32 = 16, lanes_f64 = 8;

using Emit = std::function<llvm::Value *(llvm::IRBuilderBase &, llvm::Value *, llvm::Value *)>;
template <class T> using Kernel = void (*)(const T *x, const T *y, T *out, int64_t count);

/// Compiles loops that apply a recipe to arrays, for this processor, through the optimiser as a kernel would go.
class Jit {
public:
  Jit() {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    auto detected = llvm::cantFail(llvm::orc::JITTargetMachineBuilder::detectHost());
    machine = llvm::cantFail(detected.createTargetMachine());
    jit = llvm::cantFail(llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(detected).create());
  }

  /// `count` is a multiple of `lanes`; with one lane the loop is scalar.
  template <class T> Kernel<T> compile(unsigned lanes, const Emit &emit) {
    auto context = std::make_unique<llvm::LLVMContext>();
    auto module = std::make_unique<llvm::Module>("math", *context);
    module->setDataLayout(jit->getDataLayout());
    const std::string name = "kernel" + std::to_string(next++);
    llvm::IRBuilder<> b(*context);
    llvm::Type *pointer = b.getPtrTy(), *index = b.getInt64Ty();
    llvm::Type *scalar = std::is_same_v<T, double> ? b.getDoubleTy() : b.getFloatTy();
    llvm::Type *type = lanes == 1 ? scalar : llvm::FixedVectorType::get(scalar, lanes);
    auto *function = llvm::Function::Create(llvm::FunctionType::get(b.getVoidTy(), {pointer, pointer, pointer, index}, false),
                                            llvm::Function::ExternalLinkage, name, *module);
    auto *entry = llvm::BasicBlock::Create(*context, "entry", function);
    auto *body = llvm::BasicBlock::Create(*context, "body", function);
    auto *done = llvm::BasicBlock::Create(*context, "done", function);
    b.SetInsertPoint(entry);
    b.CreateBr(body);
    b.SetInsertPoint(body);
    auto *i = b.CreatePHI(index, 2);
    auto load = [&](unsigned argument) -> llvm::Value * {
      return b.CreateAlignedLoad(type, b.CreateGEP(scalar, function->getArg(argument), i), llvm::Align(sizeof(T)));
    };
    llvm::Value *result = emit(b, load(0), load(1));
    b.CreateAlignedStore(result, b.CreateGEP(scalar, function->getArg(2), i), llvm::Align(sizeof(T)));
    auto *next_i = b.CreateAdd(i, b.getInt64(lanes));
    b.CreateCondBr(b.CreateICmpULT(next_i, function->getArg(3)), body, done);
    i->addIncoming(b.getInt64(0), entry);
    i->addIncoming(next_i, b.GetInsertBlock());
    b.SetInsertPoint(done);
    b.CreateRetVoid();
    optimize(*module);
    llvm::cantFail(jit->addIRModule(llvm::orc::ThreadSafeModule(std::move(module), std::move(context))));
    return llvm::cantFail(jit->lookup(name)).template toPtr<Kernel<T>>();
  }

private:
  void optimize(llvm::Module &module) {
    llvm::LoopAnalysisManager loops;
    llvm::FunctionAnalysisManager functions;
    llvm::CGSCCAnalysisManager components;
    llvm::ModuleAnalysisManager modules;
    llvm::PassBuilder passes(machine.get());
    passes.registerModuleAnalyses(modules);
    passes.registerCGSCCAnalyses(components);
    passes.registerFunctionAnalyses(functions);
    passes.registerLoopAnalyses(loops);
    passes.crossRegisterProxies(loops, functions, components, modules);
    passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(module, modules);
  }

  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  int next = 0;
};

Jit &jit() {
  static Jit instance;
  return instance;
}

Emit recipe(MathFunction function, bool fma, bool branches = false) {
  return [=](llvm::IRBuilderBase &b, llvm::Value *x, llvm::Value *y) {
    return emit_math(b, {.fma = fma, .branches = branches}, function, x, function == MathFunction::Pow ? y : nullptr);
  };
}

/// The wider type in which the references are computed: double for float, the x87 format for double.
template <class T> using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;
template <class T> using Reference = Wide<T> (*)(Wide<T>, Wide<T>);

struct Function {
  const char *name;
  MathFunction function;
  Reference<float> reference_f32;
  Reference<double> reference_f64;
  double bound_f32, bound_f64; ///< in ULP
};

#define REFERENCE(expression)                                                                                                    \
  [](double x, [[maybe_unused]] double y) -> double { return expression; },                                                      \
      [](long double x, [[maybe_unused]] long double y) -> long double { return expression; }

const Function functions[] = {
    {"exp", MathFunction::Exp, REFERENCE(std::exp(x)), 1.1, 1},
    {"log", MathFunction::Log, REFERENCE(std::log(x)), 1, 1},
    {"sin", MathFunction::Sin, REFERENCE(std::sin(x)), 1, 1},
    {"cos", MathFunction::Cos, REFERENCE(std::cos(x)), 1, 1},
    {"tan", MathFunction::Tan, REFERENCE(std::tan(x)), 1, 2.5},
    {"tanh", MathFunction::Tanh, REFERENCE(std::tanh(x)), 1.5, 1.5},
    {"erf", MathFunction::Erf, REFERENCE(std::erf(x)), 1.5, 3},
    {"sqrt", MathFunction::Sqrt, REFERENCE(std::sqrt(x)), 0.5, 0.5},
    {"rsqrt", MathFunction::Rsqrt, REFERENCE(1 / std::sqrt(x)), 1.5, 1.5},
    {"pow", MathFunction::Pow, REFERENCE(std::pow(x, y)), 1, 2},
};
#undef REFERENCE

/// |value - exact| in units of the last place of `exact` rounded to T; 1/2 for the correctly rounded value, and infinite if only one of
/// them is NaN or the sign is wrong, be it of zero.
template <class T> double ulp_error(T value, Wide<T> exact) {
  using Limits = std::numeric_limits<T>;
  const T rounded = static_cast<T>(exact);
  if (std::isnan(rounded) && std::isnan(value)) return 0.5;
  if (std::isnan(rounded) || std::isnan(value) || std::signbit(value) != std::signbit(rounded)) return Limits::infinity();
  if (value == rounded) return 0.5;
  const T magnitude = std::clamp(std::fabs(rounded), Limits::min(), Limits::max());
  // An infinite value counts as the power of two after the largest number.
  Wide<T> number = value;
  if (std::isinf(value)) number = std::copysign(std::ldexp(Wide<T>(1), Limits::max_exponent), value);
  return static_cast<double>(std::fabs(std::ldexp(number - exact, Limits::digits - 1 - std::ilogb(magnitude))));
}

template <class T> struct Worst {
  double error = 0;
  T x = 0, y = 0, value = 0;
};

template <class T>
void compare(Kernel<T> kernel, Reference<T> reference, const std::vector<T> &x, const std::vector<T> &y, Worst<T> &worst) {
  std::vector<T> out(x.size());
  kernel(x.data(), y.data(), out.data(), static_cast<int64_t>(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    const double error = ulp_error<T>(out[i], reference(x[i], y[i]));
    if (error > worst.error) worst = {error, x[i], y[i], out[i]};
  }
}

template <class T> void check(const Function &f, const Worst<T> &worst, double bound) {
  INFO(f.name << ": " << worst.error << " ULP at x = " << worst.x << ", y = " << worst.y << ": " << worst.value);
  CHECK(worst.error <= bound);
}

/// The error over every `stride`-th of all bit patterns of a float.
Worst<float> sweep(const Function &f, bool fma, uint64_t stride) {
  const Kernel<float> kernel = jit().compile<float>(lanes_f32, recipe(f.function, fma));
  Worst<float> worst;
  std::vector<float> x(size_t{1} << 14);
  for (uint64_t pattern = 0; pattern < uint64_t{1} << 32;) {
    for (float &value : x) {
      value = std::bit_cast<float>(static_cast<uint32_t>(pattern));
      pattern += stride;
    }
    compare(kernel, f.reference_f32, x, x, worst);
  }
  return worst;
}

/// A quarter of the samples each: all magnitudes, magnitudes around 1, uniform in [-30, 30], close to a multiple of pi/2.
template <class T> std::vector<T> samples(size_t count, uint32_t seed) {
  using Bits = std::conditional_t<std::is_same_v<T, float>, uint32_t, uint64_t>;
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<T> uniform(-30, 30), exponent(-12, 12), multiple(-1e8, 1e8);
  std::vector<T> x(count);
  for (size_t i = 0; i < count; ++i) {
    switch (i % 4) {
    case 0: x[i] = std::bit_cast<T>(static_cast<Bits>(random())); break;
    case 1: x[i] = std::copysign(std::exp2(exponent(random)), uniform(random)); break;
    case 2: x[i] = uniform(random); break;
    case 3: x[i] = static_cast<T>(std::rint(multiple(random)) * 1.5707963267948966192313L); break;
    }
  }
  return x;
}

/// Numbers at which functions of C99, annex F, have special values, and numbers around the ends of exp's range.
template <class T> std::vector<T> special_numbers() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> positive = {0,
                             Limits::denorm_min(),
                             Limits::min() / 2,
                             Limits::min(),
                             T(0.5),
                             1,
                             T(1.5),
                             2,
                             3,
                             4,
                             T(1e5),
                             1 / Limits::epsilon() - 1,
                             1 / Limits::epsilon() + 1,
                             2 / Limits::epsilon() + 2,
                             Limits::max(),
                             Limits::infinity(),
                             Limits::quiet_NaN(),
                             std::nextafter(T(1), T(0)),
                             std::nextafter(T(1), T(2)),
                             std::log(Limits::max()),
                             std::log(Limits::denorm_min()),
                             std::log(Limits::min())};
  // The numbers closest to a multiple of pi/2 (Muller, "Elementary Functions", 11.3).
  positive.push_back(static_cast<T>(std::is_same_v<T, float> ? std::ldexp(16367173., 72) : std::ldexp(6381956970095103., 797)));
  std::vector<T> all = positive;
  for (T x : positive) all.push_back(-x);
  all.resize(48, T(1));
  return all;
}

/// All pairs of special numbers.
template <class T> std::pair<std::vector<T>, std::vector<T>> special_pairs() {
  std::vector<T> x, y;
  for (T a : special_numbers<T>()) {
    for (T b : special_numbers<T>()) {
      x.push_back(a);
      y.push_back(b);
    }
  }
  return {x, y};
}

template <class T> Reference<T> reference_of(const Function &f) {
  if constexpr (std::is_same_v<T, float>)
    return f.reference_f32;
  else
    return f.reference_f64;
}
template <class T> double bound_of(const Function &f) { return std::is_same_v<T, float> ? f.bound_f32 : f.bound_f64; }
template <class T> constexpr unsigned lanes_of = std::is_same_v<T, float> ? lanes_f32 : lanes_f64;

/// Bases near 1 and exponents that bring the power anywhere in the range of T.
template <class T> void powers(size_t count, std::vector<T> &x, std::vector<T> &y) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<T> exponent(-4, 4),
      result(T(1.05) * std::log(std::numeric_limits<T>::denorm_min()), T(1.05) * std::log(std::numeric_limits<T>::max()));
  for (size_t i = 0; i < count; ++i) {
    x.push_back(i % 2 ? 1 + std::copysign(std::exp2(5 * exponent(random) - 20), exponent(random)) : std::exp2(exponent(random)));
    y.push_back(result(random) / std::log(x.back()));
  }
}

template <class T> void check_samples(const Function &f, bool fma, size_t count) {
  const Kernel<T> kernel = jit().compile<T>(lanes_of<T>, recipe(f.function, fma));
  Worst<T> worst;
  compare(kernel, reference_of<T>(f), samples<T>(count, 1), samples<T>(count, 2), worst);
  auto [x, y] = special_pairs<T>();
  compare(kernel, reference_of<T>(f), x, y, worst);
  if (f.function == MathFunction::Pow) {
    powers<T>(count, x, y);
    compare(kernel, reference_of<T>(f), x, y, worst);
  }
  check(f, worst, bound_of<T>(f));
}

template <class T> void check_lanes(const Function &f, bool fma) {
  std::vector<T> x = samples<T>(1 << 12, 4), y = samples<T>(1 << 12, 5), expected(x.size()), out(x.size());
  auto [special_x, special_y] = special_pairs<T>();
  x.insert(x.end(), special_x.begin(), special_x.end());
  y.insert(y.end(), special_y.begin(), special_y.end());
  expected.resize(x.size());
  out.resize(x.size());
  const auto count = static_cast<int64_t>(x.size());
  jit().compile<T>(1, recipe(f.function, fma))(x.data(), y.data(), expected.data(), count);
  for (unsigned lanes : {1u, 2u, 4u, 8u, 16u}) {
    jit().compile<T>(lanes, recipe(f.function, fma, lanes == 1))(x.data(), y.data(), out.data(), count);
    size_t different = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const bool both_nan = std::isnan(out[i]) && std::isnan(expected[i]);
      if (!both_nan && std::memcmp(&out[i], &expected[i], sizeof(T)) != 0) ++different;
    }
    INFO(f.name << " with " << lanes << " lanes, one with branches");
    CHECK(different == 0);
  }
}

} // namespace

TEST_CASE("float functions keep their error bound over a sample of all floats", "[vector_math]") {
  for (const Function &f : functions) {
    if (f.function == MathFunction::Pow) continue;
    for (bool fma : {true, false}) {
      DYNAMIC_SECTION(f.name << (fma ? "" : " without fma")) { check(f, sweep(f, fma, 997), f.bound_f32); }
    }
  }
}

TEMPLATE_TEST_CASE("functions keep their error bound over large samples", "[.][samples]", float, double) {
  for (const Function &f : functions) {
    DYNAMIC_SECTION(f.name) { check_samples<TestType>(f, true, 1 << 24); }
  }
}

TEST_CASE("float functions keep their error bound over all floats", "[.][sweep]") {
  for (const Function &f : functions) {
    if (f.function == MathFunction::Pow) continue;
    DYNAMIC_SECTION(f.name) { check(f, sweep(f, true, 1), f.bound_f32); }
  }
}

TEMPLATE_TEST_CASE("functions keep their error bound over random and special numbers", "[vector_math]", float, double) {
  for (const Function &f : functions) {
    for (bool fma : {true, false}) {
      DYNAMIC_SECTION(f.name << (fma ? "" : " without fma")) { check_samples<TestType>(f, fma, 1 << 17); }
    }
  }
}

TEMPLATE_TEST_CASE("a lane of a vector has the bits of the scalar", "[vector_math]", float, double) {
  for (const Function &f : functions) {
    for (bool fma : {true, false}) {
      DYNAMIC_SECTION(f.name << (fma ? "" : " without fma")) { check_lanes<TestType>(f, fma); }
    }
  }
}

TEMPLATE_TEST_CASE("integer powers", "[vector_math]", float, double) {
  for (int exponent : {0, 1, 2, 3, 7, 16, -1, -2, -3}) {
    const Emit emit = [=](llvm::IRBuilderBase &b, llvm::Value *x, llvm::Value *) { return emit_powi(b, x, exponent); };
    const Kernel<TestType> kernel = jit().compile<TestType>(lanes_of<TestType>, emit);
    const std::vector<TestType> x = {-3, -2, -1, -0.5, -0.1, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 5, 6, 7};
    std::vector<TestType> out(x.size());
    kernel(x.data(), x.data(), out.data(), static_cast<int64_t>(x.size()));
    for (size_t i = 0; i < x.size(); ++i) {
      INFO(x[i] << " to the power " << exponent);
      CHECK(ulp_error<TestType>(out[i], std::pow(static_cast<Wide<TestType>>(x[i]), exponent)) <= 8);
    }
  }
}
