// Each pass on the .ir files of its folder under golden_ir/, against the .expected.ir beside them. NNC_UPDATE_GOLDEN=1 rewrites those.

#include "passes/pass.h"

#include "ir/text.h"
#include "ir/verify.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace nnc;
namespace fs = std::filesystem;

static std::string contents(const fs::path &path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

static bool is_input(const fs::path &path) { return path.extension() == ".ir" && path.stem().extension() != ".expected"; }

TEST_CASE("passes give the expected graphs") {
  const fs::path root = fs::path(__FILE__).parent_path() / "golden_ir";
  int cases = 0;
  for (const passes::Pass &pass : passes::optimizations()) {
    if (!fs::exists(root / pass.name)) continue;
    for (const auto &entry : fs::directory_iterator(root / pass.name)) {
      if (!is_input(entry.path())) continue;
      ++cases;
      CAPTURE(entry.path().string());
      ir::Module module = ir::parse(contents(entry.path()));
      for (ir::Function &function : module.functions) {
        function = pass.run(function);
        CHECK(ir::verify(function) == "");
      }
      const fs::path expected = fs::path(entry.path()).replace_extension(".expected.ir");
      const std::string text = ir::print(module);
      if (std::getenv("NNC_UPDATE_GOLDEN")) std::ofstream(expected) << text;
      CHECK(text == contents(expected));
    }
  }
  CHECK(cases >= 12);
}

TEST_CASE("malformed text is an error with its place") {
  auto message = [](const char *text) -> std::string {
    try {
      ir::parse(text);
    } catch (const ir::ParseError &error) {
      return error.what();
    }
    return "";
  };
  CHECK(message("function \"f\" {\n  %0 = sum : f32[]\n}") == "2:8: no operation 'sum'");
  CHECK(message("function \"f\" {\n  %0 = neg %1 : f32[]\n}") == "2:13: a node that is not defined before");
  CHECK(message("function \"f\" {\n  %0 = constant values=[1,2] : f32[3]\n}").find("2 values for f32[3]") != std::string::npos);
  CHECK(message("function \"f\" {\n  %0 = constant values=[1] : f32[3] %0 = constant values=[1] : f32[3]\n}")
            .find("defined twice") != std::string::npos);
  CHECK(message("function \"f") != "");
  CHECK(message("function \"f\" {") != "");
  CHECK(message("function \"f\" { %0 = constant values=[1] : f32[99999999999,99999999999] }") != "");
  CHECK(message("function \"\\zz\" {}") != "");
}
