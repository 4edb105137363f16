#pragma once
// Which nodes of a graph get memory, and how a node that is a view of memory is addressed.

#include "codegen/index.h"
#include "codegen/kernel.h"
#include "codegen/layout.h"
#include "ir/graph.h"

#include <map>
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

/// What a loop's body finds around it: the views that its inputs are, and the buffers where results of it are to lie.
struct Surroundings {
  std::vector<MemoryView> arguments;
  std::map<ir::NodeId, BufferId> homes;
};

/// A carried value that the loop collects too, as it is before a turn, after it, or both. Its rows are then one buffer of a row more than there are
/// turns, the first value in front (behind, where the loop runs backwards): a turn reads one row of it and writes the next, and nothing is copied.
struct CarriedRows {
  int carry;
  std::vector<int> before, after; // results of the loop
};

/// What a loop carries in rows. `used`: its results that are.
std::vector<CarriedRows> carried_rows(const ir::ScanAttributes &, const std::vector<bool> &used);

/// The decision for one entry's graph.
class Memory {
public:
  /// Chooses the nodes that are computed into memory (`kept`); all others are computed where they are used. Makes their buffers.
  /// In a loop's body there are surroundings.
  Memory(const ir::Function &, const Layout &, Entry &, const Surroundings * = nullptr);

  bool kept(ir::NodeId id) const { return kept_[id]; }
  /// The concatenation or pad whose memory holds the node's, or no node.
  ir::NodeId placed_in(ir::NodeId id) const { return placed_in_[id]; }
  /// The buffer with the rows of what a scan carries, or -1.
  BufferId rows_of_carry(ir::NodeId scan, int carry) const;
  /// The kept node, or the leaf, that a view of memory rests on.
  ir::NodeId below_view(ir::NodeId) const;
  /// How many elements the memory has that `id` is a view of.
  Size elements(ir::NodeId id) const;
  BufferId row_table(int number) const { return row_tables_[number]; }
  BufferId settings() const { return settings_; }
  /// `id` as a view of memory where it is one: kept, a tensor, a data source, or transposes, slices, … of these.
  std::optional<MemoryView> view(ir::NodeId id) const;

private:
  void choose();
  bool has_lost_reshape();
  void require(ir::NodeId);
  /// The strides of a kept node in a buffer of its own.
  std::vector<Size> own_strides(ir::NodeId) const;
  bool lay_out_for(ir::NodeId reshape, const std::vector<uint32_t> &uses);
  bool keeps_rows(ir::NodeId pad) const;
  void place_in_larger();
  void make_buffers(Entry &);
  void make_carried_rows(Entry &, ir::NodeId scan);

  const ir::Function &function_;
  const Layout &layout_;
  const Surroundings *around_;
  std::vector<bool> kept_;
  std::vector<BufferId> buffer_;                // of a tensor, a data source or a constant with many values
  std::vector<std::optional<MemoryView>> home_; // of a kept node
  std::vector<ir::NodeId> placed_in_;
  std::vector<ir::NodeId> laid_out_as_;                         // the transpose in whose order a node lies, or no node
  std::map<std::pair<ir::NodeId, int>, BufferId> carried_rows_; // by scan and carry
  std::vector<int> innermost_; // the axis of each node that is innermost in its buffer; -1: row-major
  std::vector<BufferId> row_tables_;
  BufferId settings_ = -1;
};

/// A dot with no free axes on one side: a sum of products rather than a matrix product.
bool is_inner_product(const ir::Function &, ir::NodeId dot);

} // namespace nnc::codegen
