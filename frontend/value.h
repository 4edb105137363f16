#pragma once
// What an expression means while it is elaborated: a tensor of the graph, or something that is known when compiling.

#include "frontend/ast.h"
#include "frontend/number.h"
#include "ir/graph.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace nnc::frontend {

class Frame;
struct Builtin;
struct FileScope;
struct Instance;
struct Value;

/// What the values of an index mean, by their numbers: the characters of a file, the texts of a column.
using Alphabet = std::vector<std::string>;

/// The name of a dimension. An integer `let` gives a plain one: two dimensions with plain names are the same where the pointers are equal. The `.size` of
/// a data source gives one that is not plain and is there for what the values mean.
struct DimName {
  std::string text;
  std::shared_ptr<const Alphabet> alphabet; // of the index below such a limit, where it has one
  bool plain = true;
};

/// A dimension: its extent, and its name where it has one. With `batch` it is `value` times the number of examples in a mini-batch, which is not known
/// when compiling.
struct Dim {
  int64_t value = 1;
  const DimName *name = nullptr;
  bool batch = false;
};
constexpr Dim batch_dim{1, nullptr, true};

inline ir::Extent extent_of(const Dim &dim) { return {dim.value, dim.batch}; }

/// Two dimensions agree if their values do, unless both have plain names and those differ.
bool agree(const Dim &, const Dim &);
/// Whether every index below `limit` is one below `axis`.
bool within(const Dim &limit, const Dim &axis);
/// Both, when they agree: with the name of the one that has one.
Dim merge(const Dim &, const Dim &);
std::string to_string(const Dim &);

enum class ElementKind : uint8_t { boolean, index, i32, real };

/// An index of index notation, `i` of `z[i] = …`. Its extent may become known only where it is first used alone as a subscript.
struct IndexVariable {
  std::string name;
  Span span; // where it is introduced
  bool known = false;
  bool given = false; // by a range, not by a subscript
  int64_t low = 0;    // its first value
  Dim extent;
  Span known_by; // the range or the subscript that gave the extent
};

/// The element of a tensor. An index has its limit; that of an IndexVariable is read from it.
struct Element {
  ElementKind kind = ElementKind::real;
  Dim limit;                               // index(limit)
  std::shared_ptr<IndexVariable> variable; // set for an index of index notation and plain names of it
};

/// `real`, `index(10)`.
std::string to_string(const Element &);

struct Type {
  Element element;
  std::vector<Dim> dims;
};
/// As it is written in the language: `real[tokens, 64]`, `index(10)`.
std::string to_string(const Type &);

/// A node of the graph that is under construction in `frame`, with its type in the language.
struct TensorValue {
  Frame *frame = nullptr;
  ir::NodeId node = ir::no_node;
  Type type;
};

struct Poison {}; // reported already
struct NumberValue {
  Number number;
  const DimName *name = nullptr;
};
/// The number of examples in a mini-batch, where a dimension variable stands for it.
struct BatchValue {};
struct TupleValue {
  std::shared_ptr<const std::vector<Value>> items;
};
struct ListValue {
  std::shared_ptr<const std::vector<Value>> items;
};
struct SlotValue {
  int slot;
}; // a parameter or state of an instance: Elaborator::tensors
/// An instance; `values` holds, by slot, what its parameters are where they are not the stored ones (`net - 0.1 * grad(cost, net)`).
struct InstanceValue {
  std::shared_ptr<Instance> instance;
  std::shared_ptr<const std::map<int, TensorValue>> values;
};
struct FunctionValue {
  const Function *declaration;
  const FileScope *scope;
  InstanceValue self;
}; // `self` of a model's function
struct ModelValue {
  const Model *declaration;
  const FileScope *scope;
};
struct BuiltinValue {
  const Builtin *builtin;
};
/// A data source: as a tensor one example's row in a `data` block, elsewhere all rows, examples in front.
struct SourceValue {
  int file;        // Elaborator::files
  int column = -1; // of a table: that one alone
  bool example = false;
};
struct RecordValue {
  std::shared_ptr<const std::map<std::string, Value>> fields;
}; // `ALIAS` of `data NAME as ALIAS`

struct Value {
  std::variant<Poison, TensorValue, NumberValue, BatchValue, bool, std::string, TupleValue, ListValue, SlotValue, InstanceValue,
               FunctionValue, ModelValue, BuiltinValue, SourceValue, RecordValue>
      form;

  template <typename T> const T *get() const { return std::get_if<T>(&form); }
  template <typename T> bool is() const { return std::holds_alternative<T>(form); }
  bool poison() const { return is<Poison>(); }
};

/// A dimension as the value of a name, and back: nothing for what is none.
Value value_of(const Dim &);
std::optional<Dim> dim_of(const Value &);

/// `batch`, as a dimension or a number: also the function of that name where it is not called.
bool counts_examples(const Value &);

Value tuple(std::vector<Value>);
Value list(std::vector<Value>);

/// An instance of a model: its members by name, made in the order of the text.
struct Instance {
  const Model *model = nullptr;
  const FileScope *scope = nullptr;
  std::string path;                                  // `net.hidden`
  std::string description;                           // `Dense(32, 10)`
  Span made;                                         // the call that made it
  std::map<std::string, Value> arguments;            // compile-time parameters
  std::map<std::string, Value> members;              // parameters and states are SlotValues
  std::vector<std::string> order;                    // of members, as in the text
  std::map<std::string, const Function *> functions; // "" is the one without a name
  std::map<std::string, const Function *> adjoints;  // declared ones, by function
};

} // namespace nnc::frontend
