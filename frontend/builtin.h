#pragma once
// Functions of the language that are not written in it: a table of records, one for each.

#include "frontend/elaborator.h"

#include <span>

namespace nnc::frontend {

/// A call of a builtin, with what its function may use of the walk.
struct BuiltinCall {
  Elaborator &elaborator;
  const Builtin &builtin;
  std::vector<EvaluatedArgument> arguments;
  Span span; // of the callee
  const Context &context;

  ir::Builder &build() const { return context.frame->builder(); }

  // Arguments. Each reports what does not fit and gives nothing then.
  std::optional<TensorValue> tensor(size_t i, ElementKind literal = ElementKind::real) const;
  std::optional<TensorValue> real(size_t i) const;               // widened to real
  std::optional<int64_t> integer(size_t i, int64_t least) const; // of compile time, at least that
  /// The argument as one dimension, which may be the number of examples.
  std::optional<Dim> dimension(size_t i) const;
  /// Arguments from `first` on as dimensions; a list gives several. With `batch` one may be the number of examples.
  std::optional<std::vector<Dim>> shape(size_t first, bool batch = false) const;
  std::string what(size_t i) const;                                           // "argument 2 of `concat`"
  std::optional<Dim> dimension_of(const Value &, size_t i, bool batch) const; // the value being part of argument i

  // The walk's parts.
  Value result(ir::NodeId, Type) const;
  ir::Type ir_type(const Type &type) const { return elaborator.ir_type(type); }
  ir::NodeId node(const TensorValue &value) const { return context.frame->use(value); }
  TensorValue widen(const TensorValue &value, ElementKind kind) const { return elaborator.widen(value, kind, context); }
  bool align(TensorValue &a, size_t i, TensorValue &b, size_t j) const;
  bool size_ok(const std::vector<Dim> &dims) const { return elaborator.size_ok(dims, span, context); }
  ir::NodeId count(const Dim &dim, const ir::Type &type) const { return elaborator.count_node(dim, type, context); }
  /// Whether the extents of all of them are known when compiling.
  bool extents_known(std::span<const Dim> dims) const;
  /// The values of an instance's parameters, by slot.
  std::map<int, TensorValue> parameters(const InstanceValue &) const;
  Value stack(const std::vector<Value> &) const;
  Value gradient() const;
  Value jacobian() const;
  Value draw(bool is_normal, const std::vector<Dim> &) const;
  Value reduce(ReduceKind, const TensorValue &) const; // along the last axis
  std::optional<TensorValue> broadcast(const TensorValue &, const std::vector<Dim> &) const;
  template <typename... A> Diagnostic &report(DiagnosticKind kind, Span at, A &&...a) const {
    return elaborator.report(kind, at, context, std::forward<A>(a)...);
  }
};

struct Builtin {
  const char *name;
  const char *formals; // "x", "a, b", "shape…": as it is documented; the names by which arguments can be given. "": any
  int least, most;     // number of arguments; most -1: any
  Value (*function)(const BuiltinCall &);
  const char *doc;
};

/// Nothing for a name that is none.
const Builtin *find_builtin(std::string_view name);
std::span<const Builtin> elementwise_builtins();
std::span<const Builtin> reduction_builtins();
std::span<const Builtin> shape_builtins();
std::span<const Builtin> data_builtins();
std::span<const Builtin> other_builtins();
std::vector<std::string> builtin_names();
/// A name that is a value, not a function.
struct BuiltinWord {
  const char *name, *doc;
};
std::span<const BuiltinWord> builtin_words();
/// "1 argument", "2 arguments".
std::string arguments_text(size_t count);

} // namespace nnc::frontend
