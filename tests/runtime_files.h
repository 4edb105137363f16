#pragma once
// A folder of a test's own, and the bytes of small data files.

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <zlib.h>

namespace nnc::tests {

class Folder {
public:
  Folder() {
    char name[] = "/tmp/nnc-test-XXXXXX";
    REQUIRE(mkdtemp(name));
    path = name;
  }
  Folder(const Folder &) = delete;
  Folder &operator=(const Folder &) = delete;
  ~Folder() { std::filesystem::remove_all(path); }

  std::string at(const std::string &name) const { return path + "/" + name; }
  std::string write(const std::string &name, const std::string &bytes) const {
    std::ofstream(at(name), std::ios::binary) << bytes;
    return at(name);
  }
  std::string write_gzip(const std::string &name, const std::string &bytes) const {
    gzFile file = gzopen(at(name).c_str(), "wb");
    REQUIRE(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) == static_cast<int>(bytes.size()));
    gzclose(file);
    return at(name);
  }
  std::string read(const std::string &name) const {
    std::ifstream file(at(name), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::string path;
};

/// The message of the error that `act` throws; empty where it throws none.
template <class Act> std::string error_of(Act act) {
  try {
    act();
  } catch (const std::exception &error) {
    return error.what();
  }
  return {};
}

} // namespace nnc::tests
