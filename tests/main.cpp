#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>

int main(int count, char **arguments) {
  // What tests compile is kept apart from what the user does.
  setenv("XDG_CACHE_HOME", (std::filesystem::path(NNC_BINARY).parent_path() / "test-cache").c_str(), 1);
  return Catch::Session().run(count, arguments);
}
