#pragma once
// The fields of every node of the tree, by name, for what treats all nodes alike: visit_fields(node, f) calls f(name, field) for
// each field in the order of the text; node_name(node) is the name of its struct.

#include "frontend/ast.h"

#include <type_traits>

namespace nnc::frontend {

// clang-format off
#define NNC_FIELD_1(x) visit(#x, node.x);
#define NNC_FIELD_2(x, ...) visit(#x, node.x); NNC_FIELD_1(__VA_ARGS__)
#define NNC_FIELD_3(x, ...) visit(#x, node.x); NNC_FIELD_2(__VA_ARGS__)
#define NNC_FIELD_4(x, ...) visit(#x, node.x); NNC_FIELD_3(__VA_ARGS__)
#define NNC_FIELD_5(x, ...) visit(#x, node.x); NNC_FIELD_4(__VA_ARGS__)
#define NNC_FIELD_6(x, ...) visit(#x, node.x); NNC_FIELD_5(__VA_ARGS__)
#define NNC_FIELD_PICK(_1, _2, _3, _4, _5, _6, pick, ...) pick
#define NNC_NODE(Node, ...)                                                                                                          \
  constexpr const char *node_name(const Node &) { return #Node; }                                                                  \
  template <typename Visit> void visit_fields([[maybe_unused]] const Node &node, [[maybe_unused]] Visit &&visit) {                 \
    __VA_OPT__(NNC_FIELD_PICK(__VA_ARGS__, NNC_FIELD_6, NNC_FIELD_5, NNC_FIELD_4, NNC_FIELD_3, NNC_FIELD_2, NNC_FIELD_1, )(__VA_ARGS__)) \
  }
// clang-format on

NNC_NODE(Argument, name, value)
NNC_NODE(Range, low, high)
NNC_NODE(IndexBinder, name, range)

NNC_NODE(NumberExpr, digits, percent)
NNC_NODE(StringExpr, value)
NNC_NODE(BoolExpr, value)
NNC_NODE(NameExpr, name)
NNC_NODE(TupleExpr, items)
NNC_NODE(ListExpr, items)
NNC_NODE(ComprehensionExpr, item, variable, source, range)
NNC_NODE(CallExpr, callee, arguments)
NNC_NODE(Subscript, kind, at, slice, stride)
NNC_NODE(SubscriptExpr, base, subscripts)
NNC_NODE(MemberExpr, base, member)
NNC_NODE(TransposeExpr, operand)
NNC_NODE(UnaryExpr, op, operand)
NNC_NODE(BinaryExpr, op, left, right)
NNC_NODE(PipeStage, callee, arguments, has_arguments, list)
NNC_NODE(PipeExpr, value, stage)
NNC_NODE(ReduceExpr, kind, indices, body)
NNC_NODE(ForExpr, variable, source, range, body)
NNC_NODE(IfExpr, condition, then_block, else_block)
NNC_NODE(ErrorExpr)

NNC_NODE(BindStmt, names, value)
NNC_NODE(DefineStmt, name, indices, value)
NNC_NODE(UpdateStmt, name, value)
NNC_NODE(YieldStmt, values)
NNC_NODE(ExprStmt, value)
NNC_NODE(Stmt, form)
NNC_NODE(Block, statements)

NNC_NODE(TypeExpr, name, items, argument, dims)
NNC_NODE(Formal, name, type, default_value)
NNC_NODE(Function, name, is_adjoint, formals, result, body, doc)
NNC_NODE(State, name, type, value, doc)
NNC_NODE(Param, name, type, initializer, initializer_arguments, value)
NNC_NODE(MemberIf, condition, then_members, else_members)
NNC_NODE(MemberBind, name, value)
NNC_NODE(Member, form)
NNC_NODE(Model, name, formals, members, doc)
NNC_NODE(DataEntry, name, type, value)
NNC_NODE(Data, name, entries, doc)
NNC_NODE(Optimizer, name, formals, body, doc)

NNC_NODE(PathPart, kind, name, subscript)
NNC_NODE(Path, parts)
NNC_NODE(OptimizerCall, name, arguments)
NNC_NODE(DataClause, name, alias)
NNC_NODE(ValidateClause, what)
NNC_NODE(ReportClause, name, value)
NNC_NODE(PredictClause, name, value)
NNC_NODE(MinimizeClause, cost, over, optimizer)
NNC_NODE(UsingClause, optimizer, over)
NNC_NODE(ClipNormClause, value)
NNC_NODE(FreezeClause, paths)
NNC_NODE(LoadClause, file, into)
NNC_NODE(ShuffleClause, on)
NNC_NODE(NumberClause, what, value)
NNC_NODE(Clause, form)
NNC_NODE(Train, name, clauses, doc)
NNC_NODE(Import, path)
NNC_NODE(Let, name, value, doc)
NNC_NODE(Item, form)
NNC_NODE(File, items)

#undef NNC_NODE

} // namespace nnc::frontend
