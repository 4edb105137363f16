#pragma once
// The formats of data files: one record each, in format.cpp. A new one is a line there and one among the front end's functions.

#include "runtime/probe.h"
#include "runtime/rows.h"

namespace nnc::runtime {

struct Format {
  const char *name; // as a source of the language is called
  /// What the compiler must know of the file; an Error that it throws says what is wrong with it.
  void (*probe)(const std::string &path, const Source &, Probe &);
  /// All rows, in the source's stored type. `Source::window` counts as 0. Throws Error.
  Rows (*read)(const std::string &path, const Source &);
};

/// Throws Error (a defect) for a name that is none.
const Format &format_named(const std::string &name);

/// The rows of the file at `path`, as windows where the source has them; their shape is the source's. Throws Error.
Rows read_rows(const std::string &path, const Source &);

} // namespace nnc::runtime
