#pragma once
// The syntax tree: what the parser makes of a file, after the grammar of the language and nothing more. Every node has its
// span. Names are strings here and nowhere behind the elaborator.

#include "source/source.h"

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace nnc::frontend {

struct Expr;
struct Block;
using ExprPtr = std::unique_ptr<Expr>;

// clang-format off
struct Identifier {
  std::string name;
  Span span;
};

/// `name = value` in a call, or only the value.
struct Argument {
  std::optional<Identifier> name;
  ExprPtr value;
};

/// `low .. high`, each optional where the grammar says so.
struct Range {
  ExprPtr low, high;
};

/// `name` or `name in low..high` inside the brackets of an index definition or a reduction.
struct IndexBinder {
  Identifier name;
  std::optional<Range> range;
};

// Expressions, a struct for each form.
struct NumberExpr { std::string digits; bool percent = false; };            // `digits` without `_`, as written: 128, 0.5, 1e-3
struct StringExpr { std::string value; };                                   // escapes resolved
struct BoolExpr { bool value; };
struct NameExpr { std::string name; };
struct TupleExpr { std::vector<ExprPtr> items; };                           // (a, b); (a) is just a
struct ListExpr { std::vector<ExprPtr> items; };                            // [a, b]
struct ComprehensionExpr { ExprPtr item; Identifier variable; ExprPtr source; std::optional<Range> range; }; // [e for v in xs], [e for v in a..b]
struct CallExpr { ExprPtr callee; std::vector<Argument> arguments; };
struct Subscript { enum class Kind { whole, slice, at } kind; ExprPtr at; Range slice; ExprPtr stride; Span span; }; // `:`, `a..b:s`, `e`
struct SubscriptExpr { ExprPtr base; std::vector<Subscript> subscripts; };
struct MemberExpr { ExprPtr base; Identifier member; };
struct TransposeExpr { ExprPtr operand; };                                  // x'
enum class UnaryOperator { negate, logical_not };
struct UnaryExpr { UnaryOperator op; ExprPtr operand; Span op_span; };
enum class BinaryOperator { add, subtract, multiply, divide, matmul, power, equal, not_equal, less, less_equal, greater, greater_equal, logical_and, logical_or };
struct BinaryExpr { BinaryOperator op; ExprPtr left, right; Span op_span; };
/// `value |> callee(arguments)`; `x |> [f, g]` has `stages`. A stage's callee is a path: NameExpr, MemberExpr or SubscriptExpr.
struct PipeStage { ExprPtr callee; std::vector<Argument> arguments; bool has_arguments = false; std::vector<PipeStage> list; Span span; };
struct PipeExpr { ExprPtr value; PipeStage stage; };
enum class ReduceKind { sum, mean, max, min, prod };
struct ReduceExpr { ReduceKind kind; std::vector<IndexBinder> indices; ExprPtr body; }; // sum[i, j in 0..n] product
struct ForExpr { Identifier variable; ExprPtr source; std::optional<Range> range; std::unique_ptr<Block> body; };
struct IfExpr { ExprPtr condition; std::unique_ptr<Block> then_block; std::unique_ptr<Block> else_block; };   // `else primary` is a block of one expression
struct ErrorExpr {};                                                        // what could not be parsed; reported already

struct Expr {
  Span span;
  std::variant<ErrorExpr, NumberExpr, StringExpr, BoolExpr, NameExpr, TupleExpr, ListExpr, ComprehensionExpr, CallExpr, SubscriptExpr, MemberExpr,
               TransposeExpr, UnaryExpr, BinaryExpr, PipeExpr, ReduceExpr, ForExpr, IfExpr>
      form;
  uint32_t height = 1; // expressions on the longest way down, this one with them: at most max_height (parser.h)
};

// Statements.
struct BindStmt { std::vector<Identifier> names; ExprPtr value; };          // a = e; a, b = e
struct DefineStmt { Identifier name; std::vector<IndexBinder> indices; ExprPtr value; }; // z[i, j in 0..n] = e
struct UpdateStmt { Identifier name; ExprPtr value; };                      // s <- e
struct YieldStmt { std::vector<ExprPtr> values; };
struct ExprStmt { ExprPtr value; };

struct Stmt {
  Span span;
  std::variant<BindStmt, DefineStmt, UpdateStmt, YieldStmt, ExprStmt> form;
};

struct Block {
  std::vector<Stmt> statements;
  Span span;
};

/// `real[n, 3]`, `index(10)[t]`, `(real, real[n])`.
struct TypeExpr {
  Span span;
  std::vector<TypeExpr> items;      // a tuple's; then `name` is empty
  Identifier name;                  // real, i32, bool, index
  ExprPtr argument;                 // index(…)
  std::vector<ExprPtr> dims;
  bool has_dims = false;
};

struct Formal {
  Identifier name;
  std::optional<TypeExpr> type;
  ExprPtr default_value;            // may be null
};

struct Function {
  Span span;
  Identifier name;                  // empty name: the function that calling the model means
  bool is_adjoint = false;
  std::vector<Formal> formals;
  std::optional<TypeExpr> result;
  Block body;                       // `= expr` is a block of one ExprStmt
  std::string doc;                  // text of the `##` comments above
};

struct State {
  Span span;
  Identifier name;
  std::optional<TypeExpr> type;
  ExprPtr value;
  std::string doc;
};

struct Member;

struct Param {
  Identifier name;
  TypeExpr type;
  std::optional<Identifier> initializer; // `~ name(args)`
  std::vector<Argument> initializer_arguments;
  ExprPtr value;                    // `= expr`
};
struct MemberIf { ExprPtr condition; std::vector<Member> then_members, else_members; };
struct MemberBind { Identifier name; ExprPtr value; };

struct Member {
  Span span;
  std::string doc;
  std::variant<Param, State, Function, MemberIf, MemberBind> form;
};

struct Model {
  Span span;
  Identifier name;
  std::vector<Formal> formals;      // compile-time parameters
  std::vector<Member> members;
  std::string doc;
};

struct DataEntry { Span span; Identifier name; std::optional<TypeExpr> type; ExprPtr value; };
struct Data { Span span; Identifier name; std::vector<DataEntry> entries; std::string doc; };

struct Optimizer {
  Span span;
  Identifier name;
  std::vector<Formal> formals;
  std::vector<std::variant<State, Stmt>> body;
  std::string doc;
};

/// `net.blocks.*.norm1`, `net.blocks[2]`.
struct PathPart { enum class Kind { name, number, any, subscript } kind; Identifier name; ExprPtr subscript; };
struct Path { Span span; std::vector<PathPart> parts; };

/// `adam(rate = 0.1)` after `using`.
struct OptimizerCall { Span span; Identifier name; std::vector<Argument> arguments; };

struct DataClause { Identifier name; std::optional<Identifier> alias; };
struct ValidateClause { std::variant<ExprPtr, Identifier> what; };          // a number (20% is 0.2), or a data block
struct ReportClause { Identifier name; ExprPtr value; };
struct PredictClause { Identifier name; ExprPtr value; };
struct MinimizeClause { ExprPtr cost; std::vector<Path> over; std::optional<OptimizerCall> optimizer; };
struct UsingClause { OptimizerCall optimizer; std::vector<Path> over; };
struct ClipNormClause { ExprPtr value; };
struct FreezeClause { std::vector<Path> paths; };
struct LoadClause { std::string file; Span file_span; std::vector<Path> into; };
struct ShuffleClause { bool on; };
struct NumberClause { enum class What { batch, epochs, steps, seed } what; ExprPtr value; };

struct Clause {
  Span span;
  std::variant<BindStmt, DefineStmt, DataClause, ValidateClause, ReportClause, PredictClause, MinimizeClause, UsingClause, ClipNormClause, FreezeClause,
               LoadClause, ShuffleClause, NumberClause>
      form;
};

struct Train { Span span; Identifier name; std::vector<Clause> clauses; std::string doc; };

struct Import { Span span; std::string path; Span path_span; };
struct Let { Span span; Identifier name; ExprPtr value; std::string doc; };

struct Item {
  std::variant<Import, Let, Function, Model, Data, Optimizer, Train> form;
};

struct File {
  uint32_t number = 0;              // in the SourceMap
  std::vector<Item> items;
};

// clang-format on

} // namespace nnc::frontend
