#include "frontend/scope.h"

namespace nnc::frontend {

Local *Scope::find(const std::string &name) {
  for (Scope *scope = this; scope; scope = scope->parent)
    if (auto found = scope->locals.find(name); found != scope->locals.end()) return &found->second;
  return nullptr;
}

Local *Scope::find_bound(const std::string &name) {
  for (Scope *scope = this; scope; scope = scope->barrier ? nullptr : scope->parent)
    if (auto found = scope->locals.find(name); found != scope->locals.end()) return &found->second;
  return nullptr;
}

} // namespace nnc::frontend
