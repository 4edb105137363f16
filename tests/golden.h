#pragma once
// Golden tests: for each folder of tests/golden/ (a suite) a function makes a text of every .nn file in it, and the text must be
// that of the file NAME.expected beside it. NNC_UPDATE_GOLDEN=1 in the environment rewrites those; review them as a diff.
//
// A test file adds its suite, or the kinds of diagnostics that its generated inputs provoke, by a global of its own:
//
//   static golden::AddSuite add{"parse", run_parse};
//   static golden::AddKinds kinds{{DiagnosticKind::nesting_too_deep}};

#include "source/diagnostics.h"

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace nnc::golden {

/// What a file gives, with paths as plain file names; the kinds of its diagnostics go into `kinds`.
using Run = std::string (*)(const std::filesystem::path &file, std::set<DiagnosticKind> &kinds);

std::map<std::string, Run> &suites();

/// The kinds that tests other than golden ones provoke and check.
std::set<DiagnosticKind> &kinds_of_other_tests();

/// tests/golden/NAME, and the .nn files in it, in order.
std::filesystem::path folder(const std::string &suite);
std::vector<std::filesystem::path> inputs(const std::string &suite);

std::string read_file(const std::filesystem::path &);

/// Adds the kinds of all diagnostics to `kinds`.
void note_kinds(const Diagnostics &, std::set<DiagnosticKind> &kinds);

struct AddSuite {
  AddSuite(const std::string &name, Run run) { suites()[name] = run; }
};
struct AddKinds {
  explicit AddKinds(std::initializer_list<DiagnosticKind> kinds) { kinds_of_other_tests().insert(kinds); }
};

} // namespace nnc::golden
