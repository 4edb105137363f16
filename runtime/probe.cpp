#include "runtime/probe.h"

#include "runtime/error.h"
#include "runtime/format.h"

#include <climits>
#include <unistd.h>

namespace nnc::runtime {
namespace {

std::string program_directory() {
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  std::string whole(path, length > 0 ? static_cast<size_t>(length) : 0);
  return whole.substr(0, whole.find_last_of('/') + 1);
}

} // namespace

Probe probe(const Source &source, const std::string &path) {
  Probe result;
  try {
    format_named(source.format).probe(path, source, result);
  } catch (const std::exception &error) {
    result.error = error.what();
  }
  return result;
}

std::string find_file(const std::string &path, const std::string &directory, const std::string &advice) {
  if (path.starts_with("/")) return path;
  std::string first = directory.empty() ? path : directory + "/" + path, second = program_directory() + path;
  for (const std::string &place : {first, second})
    if (access(place.c_str(), F_OK) == 0) return place;
  fail("{}: no such file in the model's directory ({}), nor beside the program ({}){}", path, first, second, advice);
}

} // namespace nnc::runtime
