#pragma once
// Data files as the front end asks for them, read by the runtime's readers.

#include "frontend/program.h"
#include "runtime/description.h"

namespace nnc::driver {

/// Paths are relative to `directory`; where `root` is not empty those that lie outside that folder are refused.
frontend::SourceReader source_reader(const std::string &directory, const std::string &root);

/// How the runtime stores the element, and the other way round.
runtime::Stored stored_of(ir::Elem);
ir::Elem elem_of(runtime::Stored);

/// The part of a source that says how its file is read.
runtime::Source runtime_source(const frontend::DataFile &);

} // namespace nnc::driver
