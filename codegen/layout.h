#pragma once
// Where the inputs of an entry are in memory: decided once for a program, before its entries are made.

#include "codegen/size.h"
#include "ir/type.h"

#include <string>
#include <vector>

namespace nnc::codegen {

struct TensorLayout {
  std::string name;
  ir::Type type;
  int64_t offset = 0; // bytes in the state block
};

struct SourceLayout {
  std::string name;
  ir::Elem stored = ir::Elem::f32;
  std::vector<int64_t> row; // shape of one row
  int data = 0;             // its data clause: the number of its row table
  int64_t step = 0; // elements from the start of one row to that of the next; 0: as many as a row has. Less where rows overlap
};

struct Layout {
  std::vector<TensorLayout> tensors; // by slot
  std::vector<SourceLayout> sources; // by slot
  int data = 0;                      // number of row tables
  int64_t state_bytes = 0;
};

/// Gives each tensor its offset (multiples of 64 bytes) and sets `state_bytes`.
void place_tensors(Layout &);

} // namespace nnc::codegen
