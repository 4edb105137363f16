#pragma once
// Which nodes of a graph get memory, and how a node that is a view of memory is addressed.

#include "codegen/index.h"
#include "codegen/kernel.h"
#include "codegen/layout.h"
#include "ir/graph.h"

#include <optional>
#include <vector>

namespace nnc::codegen {

/// A tensor as a stretch of memory: the buffer, where it begins, and a stride for each axis, in elements. `rows`: the first axis is
/// looked up in that row table instead (a batch that is read in place from a data source).
struct MemoryView {
  BufferId buffer = 0;
  Size start;
  std::vector<Size> strides;
  int rows = -1;
};

/// The decision for one entry's graph.
class Memory {
public:
  /// Chooses the nodes that are computed into memory (`kept`); all others are computed where they are used. Makes their buffers.
  /// In a loop's body `arguments` are its inputs.
  Memory(const ir::Function &, const Layout &, Entry &, const std::vector<MemoryView> *arguments = nullptr);

  bool kept(ir::NodeId id) const { return kept_[id]; }
  /// The buffer of a kept node, a tensor input or a constant with many values.
  BufferId buffer(ir::NodeId id) const { return buffer_[id]; }
  /// How many elements the memory has that `id` is a view of.
  Size elements(ir::NodeId id) const;
  /// The strides of a kept node in its buffer.
  std::vector<Size> strides(ir::NodeId id) const;
  BufferId row_table(int number) const { return row_tables_[number]; }
  BufferId settings() const { return settings_; }
  /// `id` as a view of memory where it is one: kept, a tensor, a data source, or transposes, slices, … of these.
  std::optional<MemoryView> view(ir::NodeId id) const;

private:
  void choose();
  bool has_lost_reshape();
  void require(ir::NodeId);
  void make_buffers(Entry &);

  const ir::Function &function_;
  const Layout &layout_;
  const std::vector<MemoryView> *arguments_;
  std::vector<bool> kept_;
  std::vector<int> innermost_; // the axis of each node that is innermost in its buffer; -1: row-major
  std::vector<BufferId> buffer_;
  std::vector<BufferId> row_tables_;
  BufferId settings_ = -1;
};

/// A dot with no free axes on one side: a sum of products rather than a matrix product.
bool is_inner_product(const ir::Function &, ir::NodeId dot);

} // namespace nnc::codegen
