#pragma once
// Checks and lowers in one walk: it evaluates the syntax tree with values whose leaves are nodes of the graph. Types depend on compile-time values, dimension
// variables and ranks that are known only where a function is called, so checker and lowering are one and cannot disagree.
//
// Errors are reported to the Diagnostics and give Poison, which silences all that depends on it.

#include "frontend/frame.h"
#include "frontend/index_form.h"
#include "frontend/program.h"
#include "frontend/scope.h"
#include "source/diagnostics.h"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace nnc::frontend {

struct PreludeFile {
  std::string name, text;
};

struct ElaboratorOptions {
  ir::Elem real = ir::Elem::f32;                            // or f64
  std::vector<std::pair<std::string, std::string>> defines; // -D NAME=VALUE
  std::vector<PreludeFile> prelude;                         // one file scope of all of them
  /// The text of a file, or nothing where it cannot be read (imports).
  std::function<std::optional<std::string>(const std::string &path)> read_file;
  SourceReader data;
};

/// A tensor that lives from step to step, with what its initial value is made of.
struct TensorInfo {
  std::string path; // `net.hidden.weight`
  TensorKind kind = TensorKind::parameter;
  Type type;
  PlaceId place;
  const Param *param = nullptr; // of a parameter
  const State *state = nullptr; // of a state
  std::shared_ptr<Instance> owner;
};

/// A data source that an expression names (`csv("x.csv")`, windows over it, a list), with what its header says.
struct SourceInfo {
  DataFile file;
  SourceHeader header;        // windows are axes of its row, and counted by its rows
  std::vector<double> values; // list
  std::string called;         // what it is bound to, for messages
  PlaceId place;
  std::map<int, std::unique_ptr<DimName>> sizes; // by column (-1: all elements): the limit of its index, with the alphabet
  std::map<int, SourceContent> content;          // by column (-1: all): rows that were read when compiling
};

/// The rows of a source that a `data` block draws.
struct SourceUse {
  DataSource source;
  int file; // Elaborator::files
};

/// One call of a function, for the draws in it: their path is the hash of the chain of (function, ordinal of the call in it).
struct Activation {
  uint64_t path = 0;
  int ordinal = 0;
  int32_t turn = 0;                            // hash of the turns of unrolled loops
  std::optional<TensorValue> rolled_turn = {}; // the hash in a rolled loop, in place of `turn`
};

/// Where an expression is evaluated.
struct Context {
  Frame *frame;
  Scope *scope;
  Activation *activation;
  PlaceId caller;                             // the call that led to this text
  const std::string *instance_path = nullptr; // name of an instance made here; null where none may be made
  bool of_pass = false;                       // in a report's own expression: sums over the mini-batch are over the whole pass
};

/// An argument of a call, evaluated.
struct EvaluatedArgument {
  std::string name; // "" by position
  Value value;
  Span span;
};

/// The walk. The methods are spread over elaborate_*.cpp by what they are about.
class Elaborator {
public:
  Elaborator(SourceMap &, Diagnostics &, ElaboratorOptions);
  ~Elaborator();

  // Files (elaborate_files.cpp).

  /// Parses and declares the file and, once each, what it imports. Errors are reported; the scope is usable all the same.
  const FileScope *load(const std::string &path, std::string text);
  /// The declaration that `name` means at the level of `file`: the file, direct imports, the prelude. Not used: nothing is marked.
  std::optional<Declaration> find_declaration(const FileScope &file, const std::string &name,
                                              const FileScope **where = nullptr) const;
  /// Elaborates on their own the functions and models of `file` that nothing has called, as far as their formals allow, and reports names that mean
  /// nothing in the others; evaluates every `let`; reports values that nothing used. Call it last.
  void finish(const FileScope &file);

  // Expressions (elaborate_expression.cpp and others).

  Value evaluate(const Expr &, const Context &);
  /// One statement. The value of an ExprStmt is given back in `result` (else it is an error that nothing uses it).
  void execute(const Stmt &, const Context &, Value *result = nullptr);
  void execute_bind(const BindStmt &, Span, const Context &);
  void define(const DefineStmt &, Span, const Context &); // elaborate_index.cpp
  Value evaluate_block(const Block &, const Context &);
  void bind(const Identifier &, Value, const Context &);
  Type evaluate_type(const TypeExpr &, const Context &, bool *ok); // one tensor's type, all dimensions known
  /// A value as a tensor in the context's frame: numbers, bools, lists of numbers, slots, sources become nodes. Reports what has no such form (poison).
  std::optional<TensorValue> as_tensor(const Value &, Span, const Context &);
  /// Numbers take the kind `literal` where they can, lists of them too.
  std::optional<TensorValue> to_tensor(const Value &, Span, const Context &, ElementKind literal);
  /// The tensor converted to `type`, shapes equal (a scalar is not stretched). Reports a mismatch as `what` ("the result of `f`") at `span`.
  std::optional<TensorValue> convert_to(const Value &, const Type &, const std::string &what, Span, const Context &);
  std::optional<Number> as_number(const Value &, const std::string &what, Span, const Context &);
  std::optional<int64_t> as_integer(const Value &, const std::string &what, Span, const Context &);
  /// The value in the frame of `context` as a real scalar: costs, optimizer arguments.
  std::optional<TensorValue> as_real_scalar(const Value &, const std::string &what, Span, const Context &);

  // Calls (elaborate_call.cpp).

  /// Any callable value: a function, builtin, instance or model. `span` is the call's.
  Value call(const Value &callee, std::vector<EvaluatedArgument>, Span span, const Context &, const std::string &name = "");
  std::vector<EvaluatedArgument> evaluate_arguments(const std::vector<Argument> &, const Context &);
  /// Matches arguments with formals: by position, by name, then defaults (evaluated in `formals_scope` as it fills). Binds untyped ones in it and gives all.
  /// Nothing where it does not fit (reported). With `run_time` an untyped one may be a tensor: an optimizer's argument.
  std::optional<std::vector<EvaluatedArgument>> match_arguments(const std::vector<Formal> &, std::vector<EvaluatedArgument>,
                                                                const std::string &name, Span call, Span declared,
                                                                Scope &formals_scope, const Context &, bool run_time = false);

  // Instances (elaborate_model.cpp).

  /// An instance of `model` at `path`; its tensors are appended to `tensors`.
  Value make_instance(const ModelValue &, std::vector<EvaluatedArgument>, const std::string &path, Span call, const Context &);
  Value member(const Value &, const Identifier &, const Context &);
  /// The parameters and states of an instance, its sub-instances' included, in the order of the text: slots.
  std::vector<int> slots(const Instance &) const;
  /// The initial value of a tensor, in the context's frame: `= expr` converted to its type, or `initial_NAME(shape, …)` of `~ NAME(…)`, `shape` being the list of
  /// its dimensions.
  std::optional<TensorValue> initial_value(int slot, const Context &);
  /// For each slot a function of the seed whose result is the tensor's initial value.
  std::vector<ir::Function> initial_values();
  /// The current value of a parameter or state.
  TensorValue read_slot(int slot, const Context &, const InstanceValue *of = nullptr);

  // Whole functions.

  struct NamedType {
    std::string name;
    ir::Elem elem;
    std::vector<int64_t> dims;
  };
  struct EvalFunction {
    ir::Function
        function; // inputs: arguments (slot: number of the formal), tensors (slot in `tensors`), row, seed, step; outputs: results
    std::vector<std::string> arguments; // names of the formals that are inputs, by slot
    std::vector<Type> argument_types;   // by slot, with the extra axes; the limits of indices are not checked in the graph
  };
  /// The function `name` of `file` for arguments of the given types (by name), or the model `name` whose compile-time parameters all have defaults (an instance at path
  /// "", its unnamed function). Axes more than the formals have are lifted, the outermost as the mini-batch: row is its number. Nothing where it does not fit (reported).
  std::optional<EvalFunction> elaborate_function(const FileScope &file, const std::string &name,
                                                 const std::vector<NamedType> &arguments);

  /// Each binding's type beside its source line.
  std::string print_typed() const;

  SourceMap &source_map() { return sources_; }
  Diagnostics &diagnostics() { return diagnostics_; }
  const ElaboratorOptions &options() const { return options_; }

  std::vector<TensorInfo> tensors; // by slot
  std::deque<SourceInfo> files;    // by number; SourceValue
  std::vector<SourceUse> sources;  // by number: inputs of the graph
  size_t first_source = 0;         // those before it are of other data clauses, which draw their own rows
  bool reading_data = false;       // in the text of a `data` block: a source is one example there
  std::vector<int> touched;        // files that the text of the `data` block has named, in order
  std::set<const Data *> read_blocks;
  /// What the indices below a dimension that a `let` names mean, by the fields that are declared so; null where these differ.
  std::map<const DimName *, std::shared_ptr<const Alphabet>> field_alphabets;

  // Data sources (elaborate_source.cpp, elaborate_whole.cpp).

  Value add_source(SourceInfo);
  /// `csv(…)` and the like.
  Value make_source(DataFile, Span, const Context &);
  /// `windows(sequence, length)`; `called`: how messages name a list.
  Value make_windows(const EvaluatedArgument &sequence, int64_t length, Span, const Context &);
  /// The alphabet of the source, or of a column; null for one of numbers. Nothing where it cannot be read (reported).
  std::optional<const DimName *> source_alphabet(const SourceValue &, Span, const Context &);
  bool is_text(const SourceValue &) const; // a column of text

  /// The path of draws in the `ordinal`-th call, one of `name`, in the call with the path `caller`.
  static uint64_t hash_path(uint64_t caller, std::string_view name, int ordinal);

  // Reporting, for all parts of the walk.
  template <typename... A> Diagnostic &report(DiagnosticKind kind, Span span, const Context &context, A &&...arguments) {
    Diagnostics &to = speculative_ && !holds_for_all_extents(kind) ? scratch_ : diagnostics_;
    return to.report(kind, sources_.place(span, context.caller), std::forward<A>(arguments)...);
  }
  /// `real[64]`, `the number 3`, `an instance of Dense`.
  std::string describe(const Value &) const;

private:
  friend struct BuiltinCall; // builtins are functions over the walk (builtin.h)

  // Files and names (elaborate_files.cpp, elaborate_name.cpp).
  FileScope &declare(File, std::string path, const FileScope *prelude);
  void import_file(FileScope &, const Import &);
  Value let_value(const Let &, const FileScope &, Span, const Context &);
  std::optional<Value> overridden(const Let &);
  Value name_value(const std::string &name, Span, const Context &);
  std::optional<Value> special_name(const std::string &name, const Context &);
  std::vector<std::string> names_in_reach(const Context &) const;
  const DimName *dim_name(const std::string &);

  // Whole functions (elaborate_function.cpp).
  std::optional<FunctionValue> callable(const FileScope &, const std::string &name, const Context &);
  std::optional<std::vector<Type>>
  formal_types(const FunctionValue &, Scope &,
               const std::function<std::optional<Dim>(const Formal &, size_t axis, const std::string &name)> &extent,
               const Context &);
  /// The span of a function's name, or of the whole where it has none.
  static Span name_span(const Function &);
  bool is_dimension_variable(const std::string &name, const FunctionValue &, const Context &);
  void check_function(const FunctionValue &);
  /// Names in a function or model that could not be elaborated (elaborate_unused.cpp).
  template <typename Node> void check_unused(const Node &, const FileScope &);
  /// Whether an error of the kind, found with made-up extents, holds for all.
  static bool holds_for_all_extents(DiagnosticKind);

  // Data sources.
  std::optional<Value> source_member(const SourceValue &, const Identifier &, const Context &);
  std::string source_text(const SourceValue &) const;
  int use_source(int file);
  std::optional<Type> source_type(const SourceValue &, Span, const Context &);
  std::optional<TensorValue> read_source(const SourceValue &, Span, const Context &);
  TensorValue read_example(const SourceValue &, const Type &, const Context &);
  std::optional<TensorValue> read_whole(const SourceValue &, Type, Span, const Context &);
  const SourceContent *content(const SourceValue &, Span, const Context &);
  std::optional<Value> source_subscript(const SourceValue &, const SubscriptExpr &, const std::vector<Value> &at, Span base,
                                        const Context &);
  bool text_columns(const SourceValue &, int64_t first, int64_t limit, int64_t stride, Span, const Context &);

  // Values of `let`s that come of data (elaborate_whole.cpp).
  struct KnownTensor {
    Type type;
    std::vector<double> values;
  };
  std::optional<Value> known_value(const Value &, std::vector<KnownTensor> &);
  Value use_known(const Value &, const std::vector<KnownTensor> &, const Context &);

  // Expressions.
  Value apply(const Expr &, const Value &first, const Context &);
  Value evaluate_leaf(const Expr &, const Context &);
  Value evaluate_list(const ListExpr &, const Context &);
  Value evaluate_comprehension(const ComprehensionExpr &, const Context &);
  Value evaluate_member(const MemberExpr &, const Value &base, const Context &);
  Value evaluate_pipe(const PipeStage &, Value, Span value_span, const Context &);
  Value evaluate_if(const IfExpr &, const Context &);
  Value evaluate_for(const ForExpr &, Span, const Context &);
  // Loops (elaborate_loop.cpp).
  struct Sequence;
  struct RolledLoop;
  struct LoopStart;
  std::optional<Sequence> loop_sequence(const Expr *source, const std::optional<Range> &, const Context &);
  std::optional<std::vector<Value>> turns_of(const Sequence &, const Context &);
  Value unrolled_loop(const ForExpr &, const Sequence &, Span, const Context &);
  Value loop_turns(const ForExpr &, const Sequence &, Span, const Context &);
  bool numbers_to_indices(const ForExpr &, const Sequence &, const LoopStart &, const Context &);
  std::vector<Local *> carried_locals(const ForExpr &, const Context &);
  size_t error_count() const { return diagnostics_.error_count() + scratch_.error_count(); }
  std::optional<Value> rolled_loop(const ForExpr &, const Sequence &, Span, const Context &);
  Activation turned(const Activation &, size_t turn, const Context &);
  ir::NodeId turn_node(const Context &); // the hash of the turns of the loops around, in the frame
  void execute_update(const UpdateStmt &, const Context &);
  void destructure(const BindStmt &, Value, const Context &);
  bool enter(Span, const Context &); // counts depth and steps against their limits
  void place(Span, const Context &); // of the nodes made next
  void record_binding(const Identifier &, const Value &);
  Value row_of(const TensorValue &, int64_t row, const Context &);
  Value stack_values(const std::vector<Value> &, Span, const Context &);
  bool keeps_types(const Scope &) const;
  bool carry(Value &, const Local &, const Identifier &, const Context &);

  // Operators (elaborate_operator.cpp).
  Value unary(UnaryOperator, const Value &, Span, const Context &);
  Value binary(BinaryOperator, const Value &left, Span left_span, const Value &right, Span right_span, Span op, const Context &);
  Value binary_numbers(BinaryOperator, const NumberValue &, const NumberValue &, Span, const Context &);
  Value binary_tensors(BinaryOperator, const Value &, Span, const Value &, Span, Span, const Context &);
  Value binary_instances(BinaryOperator, const Value &, Span, const Value &, Span, Span, const Context &);
  std::vector<int> parameters(const Instance &) const;
  std::string other_form(const Instance &, const Instance &) const;
  Value matmul(const TensorValue &, Span, const TensorValue &, Span, Span, const Context &);
  Value tensor_power(const TensorValue &, Span, const Value &, Span, Span, const Context &);
  Value transpose(const Value &, Span, const Context &);

  // Conversions (elaborate_convert.cpp).
  ir::Type ir_type(const Type &) const;
  ir::Elem ir_elem(const Element &) const;
  TensorValue make(ir::NodeId, Type, const Context &);
  TensorValue constant(const Number &, ElementKind, const Context &);
  TensorValue here(TensorValue, const Context &); // in the context's frame
  TensorValue copy(const TensorValue &, const Context &);
  Value copy_leaves(const Value &, const Context &);
  TensorValue widen(const TensorValue &, ElementKind, const Context &);
  std::optional<TensorValue> broadcast_to(const TensorValue &, const std::vector<Dim> &, const Context &);
  std::optional<TensorValue> list_tensor(const ListValue &, Span, const Context &, ElementKind);
  /// Equal shapes, a scalar with anything, or one that lacks leading axes: both at the larger shape.
  bool align(TensorValue &, Span, TensorValue &, Span, Span op, const std::string &what, const Context &);
  void label_type(Diagnostic &, Span, const Type &) const;
  bool element_fits(const TensorValue &, const Element &) const;
  bool size_ok(const std::vector<Dim> &, Span, const Context &);
  /// The extent of a dimension as every element of a tensor of that type.
  ir::NodeId count_node(const Dim &, const ir::Type &, const Context &);
  /// Reports that `what` needs the extent of a dimension, where it is not known when compiling.
  bool extent_known(const Dim &, const std::string &what, Span, const Context &);

  // Subscripts (elaborate_subscript.cpp).
  struct StaticSubscript;
  /// A subscript that is a sum of indices, some of which have no range yet.
  struct IndexedAxis {
    IndexForm form;
    Dim axis;
    Span span, base;
    PlaceId caller;
  };
  struct StaticRange {
    int64_t start, limit, stride;
  };
  std::optional<StaticRange> static_range(const Subscript &, const NumberValue *, const Dim &, Span base, const Context &);
  Value subscript(const SubscriptExpr &, const Value &base, Span base_span, const Context &);
  Value subscript_list(const ListValue &, const Subscript &, const Value &at, Span, const Context &);
  Value subscript_tensor(TensorValue, const SubscriptExpr &, const std::vector<Value> &at, Span, const Context &);
  bool static_slice(const Subscript &, const Dim &, StaticSubscript &, bool may_be_empty, Span base, const Context &);
  bool static_index(const Subscript &, const Number &, const Dim &, StaticSubscript &, Span base, const Context &);
  bool index_fits(const TensorValue &index, const Dim &axis, Span, Span base, const Context &);
  TensorValue take(const TensorValue &, const std::vector<StaticSubscript> &, const Context &);
  bool sum_fits(const TensorValue &index, const Dim &axis, Span, Span base, const Context &);
  bool sum_inside(const IndexedAxis &);
  Value gather(TensorValue base, std::vector<std::pair<int, TensorValue>> indices, Span, const Context &);
  std::optional<int> source_column(const SourceValue &, const std::string &name, Span, const Context &);

  // Index notation (elaborate_index.cpp).
  struct IndexRange {
    std::shared_ptr<IndexVariable> variable;
    int64_t low = 0;
  };
  std::optional<IndexRange> index_range(const IndexBinder &, const Context &);
  bool settle_ranges(const std::vector<IndexRange> &, bool elaborated, const Context &);
  bool fit_range(const std::shared_ptr<IndexVariable> &, const Context &);
  std::optional<IndexRange> range_of_examples(IndexRange, int64_t from, const IndexBinder &, const Context &);
  Value reduce_indices(const ReduceExpr &, Span, const Context &);
  std::optional<TensorValue> over_indices(const std::vector<IndexBinder> &, const Expr &body, bool from_zero, const Context &);
  Value reduce_axes(ReduceKind, TensorValue, size_t first, size_t count, const Context &);

  // Lifting (elaborate_lift.cpp).
  struct LiftArgument {
    ir::NodeId outer;           // with its extra axes, in the parent
    std::vector<bool> has_axis; // per axis, outermost first
  };
  /// Closes `inner`: its function, lifted along `axes`, is copied into the parent. `arguments` are those of add_argument, in order. The result has the axes in front.
  Value close_lifted(Frame &inner, const Value &result, const std::vector<Dim> &axes, const std::vector<LiftArgument> &arguments,
                     Span, const Context &parent);
  void abandon(Frame &inner);
  /// No tensor of the function lifted along `axes` is too large; `argument_of` gives each input's argument, null where it has none.
  bool lifted_size_ok(const ir::Function &, const std::vector<const LiftArgument *> &argument_of, const std::vector<Dim> &axes,
                      Span, const Context &);

  // Calls (elaborate_call.cpp, elaborate_dimensions.cpp).
  struct FormalLeaf;
  Value call_builtin(const Builtin &, std::vector<EvaluatedArgument>, Span, const Context &);
  Value call_function(const FunctionValue &, std::vector<EvaluatedArgument>, Span, const Context &, const std::string &name);
  Value function_body(const Function &, const Context &, const std::string &name);
  Value convert_leaves(const Value &, const TypeExpr &, const std::string &what, Span, const Context &);
  std::optional<Element> declared_element(const TypeExpr &, const Context &);
  std::optional<Dim> dimension(const Expr &, const Context &);
  bool formal_leaves(const Formal &, const TypeExpr &, const EvaluatedArgument &, const std::string &callee, Span,
                     std::vector<FormalLeaf> &, const Context &);
  bool bind_dimensions(const FunctionValue &, std::vector<FormalLeaf> &, const std::string &callee, Span, const Context &outer,
                       const Context &inner);
  bool has_unbound(const Expr &, const std::function<bool(const std::string &)> &is_variable, const Scope &, const Context &);
  void report_argument(const FormalLeaf &, const std::vector<FormalLeaf> &, const std::string &callee, const FunctionValue &,
                       Span, const Context &outer, const FormalLeaf *origin, const std::string &variable, const Context &inner);
  void note_callee(Diagnostic &, const FunctionValue &, const std::string &callee) const;
  std::optional<std::vector<Dim>> extra_axes(std::vector<FormalLeaf> &, const std::string &callee, Span, const Context &);

  // Models (elaborate_model.cpp).
  bool make_members(const std::vector<Member> &, const std::shared_ptr<Instance> &, const Context &);
  Value add_tensor(const std::shared_ptr<Instance> &, const Identifier &, const TypeExpr *, const Param *, const State *,
                   const Context &);
  std::optional<Value> instance_member(const InstanceValue &, const std::string &name, const Context &);
  Value resolve_slots(const Value &, const InstanceValue &, const Context &);
  std::string short_text(const Value &) const;

  // Derivatives (elaborate_gradient.cpp).
  Value gradient(const Value &e, Span e_span, const Value &x, Span x_span, Span call, const Context &);
  Value jacobian(const Value &v, Span v_span, const Value &x, Span x_span, Span call, const Context &);
  Value derivative(const TensorValue &e, Span e_span, const Value &x, Span x_span, Span call, const Context &);
  std::optional<ir::NodeId> derivative_by(const TensorValue &e, Span e_span, const TensorValue &x, Span x_span, const Context &);
  struct Derivative;
  ir::NodeId gradient_node(const TensorValue &e, const Derivative &, const Context &);
  ir::NodeId pull_back(Frame &, Frame *level, const std::vector<std::pair<ir::NodeId, ir::NodeId>> &gradients,
                       const Derivative &);
  std::vector<ir::NodeId> terms(Frame &, ir::NodeId y, ir::NodeId seed, std::span<const ir::NodeId> xs, bool across);

  /// Whether e, differentiated in the context's frame, is computed from x by way of what a loop around carries; then the carried name.
  const std::string *carries_towards(const TensorValue &e, const TensorValue &x, const Context &) const;

  // Adjoints of their own (elaborate_adjoint.cpp).
  const Function *adjoint_of(const FunctionValue &) const;
  Value declared_adjoint(const FunctionValue &, const Function &adjoint, const Value &result, const std::vector<Value> &arguments,
                         Span, const Context &);
  std::vector<TensorValue> with_adjoint(const std::vector<TensorValue> &results, const std::vector<ir::NodeId> &others,
                                        ir::Function adjoint, bool is_declared, const Context &);
  bool is_checkpoint(const Expr &, const Context &) const;
  Value checkpointed(const Expr &, Span, const Context &);

  // Draws (elaborate_random.cpp).
  std::vector<ir::NodeId> random_words(const Context &, const ir::Shape &, int words);
  ir::NodeId unit_interval(ir::Builder &, ir::NodeId high, ir::NodeId low) const;
  TensorValue draw(bool is_normal, const std::vector<Dim> &, const Context &);

  using Callee = std::pair<const Function *, const Instance *>;
  struct OpenCall {
    Callee callee;
    std::string name;
    Span span;
  };
  void report_recursion(std::vector<OpenCall> cycle);

  struct LetState;
  struct Binding {
    Span span;
    std::string name;
    bool used = false;
  };
  struct TypedBinding {
    Span span;
    std::string name;
    std::vector<std::string> types;
  };

  SourceMap &sources_;
  Diagnostics &diagnostics_;
  ElaboratorOptions options_;
  std::deque<FileScope> files_;
  std::map<std::string, FileScope *> by_path_;
  FileScope *prelude_ = nullptr;
  std::map<const Let *, std::unique_ptr<LetState>> lets_;
  std::set<std::string> defines_used_;
  std::map<std::string, std::unique_ptr<DimName>> dim_names_;
  std::vector<OpenCall> calls_; // none may be entered again
  std::set<Callee> called_;     // all that were elaborated
  std::vector<std::shared_ptr<Instance>> instances_;
  std::vector<const Instance *> making_; // whose members are being made: one of them within itself would have no end
  std::map<std::pair<uint32_t, uint32_t>, Binding> bindings_; // by file and offset
  std::map<std::pair<uint32_t, uint32_t>, TypedBinding> typed_;
  Root constant_root_;
  std::unique_ptr<Frame> constant_frame_; // where `let`s are evaluated
  std::vector<IndexedAxis> indexed_axes_; // whose bounds are to be proven once their indices have ranges
  int depth_ = 0;
  size_t steps_ = 0;
  size_t parts_taken_ = 0; // how often a model or function was taken from a list by its number
  bool limit_reported_ = false;
  size_t whole_reads_ = 0;        // how often data have become constants of a graph
  bool speculative_ = false;      // elaborating with made-up extents
  Diagnostics scratch_{sources_}; // for what does not hold for all extents then
};

} // namespace nnc::frontend
