// A unit to machine code: what of it is compiled by itself, and by how many at once.

#include "codegen/compile.h"

#include "codegen/lower.h"
#include "codegen/machine_code.h"
#include "codegen/object_cache.h"
#include "ir/builder.h"
#include "runtime/stack.h"

#include <algorithm>
#include <atomic>
#include <fmt/format.h>
#include <llvm/Bitcode/BitcodeWriter.h>
#include <llvm/IR/Constants.h>
#include <llvm/Support/raw_ostream.h>
#include <mutex>
#include <thread>

namespace nnc::codegen {

namespace {

void export_description(llvm::Module &module, const std::string &text) {
  auto *data = llvm::ConstantDataArray::getString(module.getContext(), text);
  new llvm::GlobalVariable(module, data->getType(), true, llvm::GlobalValue::ExternalLinkage, data, "nnc_description");
}

/// What an object is made of: the function of a form, or those of entries, by number; or the description.
struct Piece {
  enum Kind { form, entries, description } kind = form;
  std::vector<size_t> numbers;
  double cost = 0;
};

/// About how long LLVM takes, in hundredths of the time of a contraction's unrolled tiles.
double compile_cost(const KernelForm &form) {
  double cost = form.kernel.contraction ? 100 : 10;
  for (const Stage &stage : form.kernel.stages) cost += code_cost(form.kernel, stage);
  return cost;
}
double compile_cost(const Entry &entry) {
  return entry.steps ? 60 + std::min(static_cast<double>(entry.kernels.size()), 32.0) : 25;
}

/// A unit's pieces and how each becomes an object. Threads may make several at once.
class Pieces {
public:
  /// `description`: none where it is null.
  Pieces(std::span<const Entry> entries, const std::string *description, const Target &target)
      : entries_(entries), description_(description), target_(target), processor_(codegen::processor(target)),
        cache_(build_identity().empty() ? "" : target.cache) {
    Stopwatch watch(target.timed, "forms");
    forms_ = kernel_forms(entries, processor_);
    for (size_t form = 0; form < forms_.forms.size(); ++form)
      pieces_.push_back({Piece::form, {form}, compile_cost(forms_.forms[form])});
    // The entries without steps are short, and one object has less about it than several.
    for (bool steps : {true, false}) {
      Piece piece{Piece::entries, {}, 0};
      for (size_t entry = 0; entry < entries.size(); ++entry)
        if (entries[entry].steps == steps) piece.numbers.push_back(entry), piece.cost += compile_cost(entries[entry]);
      if (!piece.numbers.empty()) pieces_.push_back(std::move(piece));
    }
    if (description) pieces_.push_back({Piece::description, {}, 0});
    machine_key_ = fmt::format("{}{}\n{}\n{} {} {}\n", build_identity(), processor_.cpu, processor_.features,
                               processor_.vector_bytes, processor_.registers, processor_.fma);
  }

  const Processor &processor() const { return processor_; }

  void lower(const Piece &piece, llvm::Module &module) const {
    Stopwatch watch(target_.timed, "lower");
    if (piece.kind == Piece::description) export_description(module, *description_);
    for (size_t number : piece.numbers)
      if (piece.kind == Piece::entries)
        lower_entry(module, processor_, entries_[number], forms_.forms, forms_.calls[number]);
      else
        lower_kernel(module, processor_, forms_.forms[number]);
  }
  const std::vector<Piece> &all() const { return pieces_; }

  std::vector<std::string> objects();

private:
  std::string object(const Piece &, MachineCode &);
  std::string kept(std::string_view key, const std::function<std::string()> &make);

  std::span<const Entry> entries_;
  const std::string *description_;
  const Target &target_;
  Processor processor_;
  KernelForms forms_;
  ObjectCache cache_;
  std::string machine_key_; // what every object depends on
  std::vector<Piece> pieces_;
  std::mutex new_key_;
  std::optional<Digest> made_; // of one object that the cache did not have
};

/// From the cache, or made and kept there.
std::string Pieces::kept(std::string_view key, const std::function<std::string()> &make) {
  if (!cache_.is_on()) return make();
  Digest found_by = digest(machine_key_ + std::string(key));
  if (std::optional<std::string> object = cache_.find(found_by)) return std::move(*object);
  std::string object = make();
  cache_.keep(found_by, object);
  std::lock_guard lock(new_key_);
  made_ = found_by;
  return object;
}

/// Gives the symbol of an object another name, no longer than `placeholder`, which stands in its table of strings once.
void rename_symbol(std::string &object, const std::string &placeholder, const std::string &name) {
  size_t at = object.find('\0' + placeholder + '\0');
  if (at == std::string::npos || name.size() > placeholder.size()) throw ir::InternalError("no symbol to be named " + name);
  object.replace(at + 1, name.size() + 1, name + '\0');
}

/// A form's object is the same wherever the form stands in a program, so its function has a name of its own only when it is taken from there.
std::string Pieces::object(const Piece &piece, MachineCode &code) {
  if (piece.kind != Piece::form) {
    llvm::Module &module = code.start();
    lower(piece, module);
    if (piece.kind == Piece::description || !cache_.is_on()) return code.finish(Output::object);
    std::string bitcode;
    llvm::raw_string_ostream stream(bitcode);
    llvm::WriteBitcodeToFile(module, stream);
    return kept("entries\n" + stream.str(), [&] { return code.finish(Output::object); });
  }
  static const std::string placeholder = "nnc_kernel" + std::string(54, '_');
  std::string name = kernel_symbol(forms_.forms[piece.numbers[0]]);
  std::string made = kept("form\n" + forms_.keys[piece.numbers[0]], [&] {
    llvm::Module &module = code.start();
    lower(piece, module);
    module.getFunction(name)->setName(placeholder);
    return code.finish(Output::object);
  });
  rename_symbol(made, placeholder, name);
  return made;
}

/// Each thread takes the piece that is likely to take longest of those that are left.
std::vector<std::string> Pieces::objects() {
  std::vector<size_t> order(pieces_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return pieces_[a].cost > pieces_[b].cost; });
  std::vector<std::string> objects(pieces_.size());
  std::atomic<size_t> next = 0;
  auto work = [&] {
    MachineCode code(processor_, target_.timed);
    for (size_t i; (i = next++) < order.size();) objects[order[i]] = object(pieces_[order[i]], code);
  };
  target_machine(processor_); // sets LLVM up, which threads may not do at once
  // Measured: one thread, so that the times are those of the work.
  size_t threads = target_.timed ? 1 : std::min<size_t>(std::max(1u, std::thread::hardware_concurrency()), order.size());
  std::exception_ptr wrong;
  auto guarded = [&] {
    try {
      work();
    } catch (...) {
      std::lock_guard lock(new_key_);
      wrong = std::current_exception();
    }
  };
  {
    std::vector<runtime::Thread> others;
    for (size_t i = 1; i < threads; ++i) others.emplace_back(stack_of_compile, guarded);
    guarded();
  }
  if (wrong) std::rethrow_exception(wrong);
  if (made_) cache_.trim(*made_);
  return objects;
}

} // namespace

std::string compile(const Unit &unit, const Target &target, Output output) {
  Pieces pieces(unit.entries, &unit.description, target);
  MachineCode code(pieces.processor(), target.timed);
  llvm::Module &module = code.start();
  for (const Piece &piece : pieces.all()) pieces.lower(piece, module);
  return code.finish(output);
}

std::vector<std::string> compile_entries(const std::vector<Entry> &entries, const Target &target) {
  return Pieces(entries, nullptr, target).objects();
}

std::vector<std::string> compile_objects(const Unit &unit, const Target &target) {
  return Pieces(unit.entries, &unit.description, target).objects();
}

} // namespace nnc::codegen
