#pragma once
// Names and what they mean: locals of blocks, members of the instance, the file's declarations, direct imports, the prelude, builtins.

#include "frontend/value.h"

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace nnc::frontend {

/// A name at the level of a file.
using Declaration = std::variant<const Let *, const Function *, const Model *, const Data *, const Optimizer *, const Train *>;

struct FileScope {
  File file;
  std::string path;
  std::map<std::string, Declaration> names;
  std::map<std::string, const Function *> adjoints;
  std::vector<const FileScope *> imports; // direct ones
  const FileScope *prelude = nullptr;     // null in the prelude itself
  std::vector<const Train *> trains;      // in the order of the text
};

struct Local {
  Value value;
  Span span;              // of the binding; unused ones are reported there
  bool updatable = false; // `name <- e` may give it a new value (an optimizer's `p` and states)
};

/// One block's names. `barrier`: names of the blocks around can be read but not bound again (the body of index notation).
struct Scope {
  Scope *parent = nullptr; // the block around; null for a function's own
  const FileScope *file = nullptr;
  InstanceValue self; // of a model's function
  bool barrier = false;
  /// A turn of a loop, not of one over a list: locals of the blocks around that it binds again keep their type ...
  bool loop = false;
  /// ... unless, unrolled over a range, it takes models from a list: Elaborator::parts_taken_ before it.
  std::optional<size_t> parts_taken;
  std::map<std::string, Local> locals;

  explicit Scope(const FileScope *file, InstanceValue self = {}) : file(file), self(std::move(self)) {}
  explicit Scope(Scope &parent, bool barrier = false) : parent(&parent), file(parent.file), self(parent.self), barrier(barrier) {}

  Local *find(const std::string &name);
  /// The local that binding `name` here updates: of this block or one around it, as far as there is no barrier.
  Local *find_bound(const std::string &name);
};

} // namespace nnc::frontend
