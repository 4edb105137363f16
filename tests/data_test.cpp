// Data from files to steps, through the whole compiler: texts, sequences, windows, whole files read when compiling, saved parameters.

#include "runtime/safetensors.h"
#include "tests/command.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cmath>
#include <sstream>
#include <zlib.h>

using namespace nnc::test;
using Catch::Contains;

namespace {

/// A folder with a model and its data.
struct Model {
  explicit Model(const std::string &text) { write("model.nn", text); }

  void write(const std::string &name, const std::string &text) const { write_text(folder / name, text); }
  Outcome check() const { return run_command({NNC_BINARY, "check", "--color=never", folder / "model.nn"}, folder); }
  Outcome run(std::vector<std::string> options) const {
    std::vector<std::string> command = {NNC_BINARY, "run", folder / "model.nn", "--"};
    command.insert(command.end(), options.begin(), options.end());
    return run_command(command, folder);
  }
  /// Trains without a change, so that there are parameters.
  void train() const {
    const Outcome outcome = run({"--steps", "1", "--quiet"});
    INFO(outcome.error);
    REQUIRE(outcome.code == 0);
  }
  /// The csv that `predict` prints.
  std::string predict(std::vector<std::string> options = {}) const {
    options.insert(options.begin(), "predict");
    const Outcome outcome = run(options);
    INFO(outcome.error);
    CHECK(outcome.code == 0);
    return outcome.out;
  }

  TemporaryFolder folder;
};

const std::string houses = "area,city,price\n10,Oslo,1\n20,Bern,2\n30,Oslo,3\n60,Rome,4\n";

/// A model whose predictions show what it reads; `lets` and `fields` of the data block, `predictions`.
std::string showing(const std::string &lets, const std::string &fields, const std::string &predictions,
                    const std::string &clauses = "") {
  return lets + "\nmodel Net {\n  param w: real = 1\n  fn (x: real) -> real = w * x\n}\ndata d {\n" + fields +
         "\n}\ntrain {\n  net      = Net()\n  data     d\n  minimize net(1)^2\n  using    sgd(rate = 0)\n" + predictions + "\n" +
         clauses + "\n}\n";
}

} // namespace

TEST_CASE("a column of text is an index into its sorted texts, and prints as them", "[data]") {
  Model model(showing("let houses = csv(\"houses.csv\")\nlet cities = houses[\"city\"].size",
                      "  city: index(cities) = houses[\"city\"]\n  price: real = houses[2]",
                      "  predict city = city\n  predict number = 1 * city\n  predict price = net(price)"));
  model.write("houses.csv", houses);
  model.train();
  CHECK(model.predict() == "city,number,price\nOslo,1,1\nBern,0,2\nOslo,1,3\nRome,2,4\n");
  model.write("more.csv", "5,Rome,9\n6,\"Oslo\",8\n"); // without a heading
  CHECK(model.predict({"--in", model.folder / "more.csv"}) == "city,number,price\nRome,2,9\nOslo,1,8\n");
  model.write("more.csv", "Rome,9\nParis,8\n"); // only the columns that are read
  const Outcome other = model.run({"predict", "--in", model.folder / "more.csv"});
  CHECK(other.code == 1);
  CHECK_THAT(other.error, Contains("more.csv:2: column 1: `Paris` is none of the 3 texts that this column had"));
  model.write("other.csv", houses + "70,Paris,5\n");
  const Outcome changed = model.run({"--data", "d.city=" + (model.folder / "other.csv"), "--quiet"});
  CHECK(changed.code == 1);
  CHECK_THAT(changed.error, Contains("other.csv:6: column 2: `Paris`"));
}

TEST_CASE("a column of text in a field of numbers is refused by `check`, used or not", "[data]") {
  Model model(showing("", "  x: real = [1, 2]", "") + "data unused {\n  city: real = csv(\"houses.csv\")[\"city\"]\n}\n");
  model.write("houses.csv", houses);
  const Outcome outcome = model.check();
  CHECK(outcome.code == 1);
  CHECK_THAT(outcome.error, Contains("model.nn:18:16: error: the field `city` is declared real, but its values are texts"));
}

TEST_CASE("a `let` reads the whole file when compiling", "[data]") {
  Model model(showing("let houses = csv(\"houses.csv\")\nlet areas = houses[\"area\"]\nlet centre = mean(areas)\n"
                      "let spread = sqrt(mean((areas - centre)^2))\nlet most = max(areas)\n"
                      "fn share(x: real) -> real = x / sum(areas)\nlet grid = windows([1, 2, 4], 2)",
                      "  area: real = (houses[\"area\"] - centre) / spread\n  part: real = share(houses[\"area\"])",
                      "  predict area = area\n  predict part = part\n  predict most = most + 0 * area\n"
                      "  predict row = grid[1] + zeros(most - 58)"));
  model.write("houses.csv", houses);
  model.train();
  std::istringstream rows(model.predict());
  std::string line;
  std::getline(rows, line);
  CHECK(line == "area,part,most,row.0,row.1");
  const double centre = 30, spread = std::sqrt((400 + 100 + 0 + 900) / 4.0);
  for (double area : {10, 20, 30, 60}) {
    double values[5];
    char comma;
    rows >> values[0] >> comma >> values[1] >> comma >> values[2] >> comma >> values[3] >> comma >> values[4];
    CHECK(values[0] == Approx((area - centre) / spread));
    CHECK(values[1] == Approx(area / 120));
    CHECK(values[2] == 60);
    CHECK(values[3] == 2);
    CHECK(values[4] == 4);
  }
}

TEST_CASE("windows over characters: fields, names, files in place of the data", "[data]") {
  Model model(showing("let corpus = chars(\"text.txt.gz\")", "  text: index(corpus.size)[3] = windows(corpus, 3)",
                      "  predict text = text\n  predict sum = net(sum(text))", "  validate 40%\n  batch 2"));
  gzFile file = gzopen((model.folder / "text.txt.gz").c_str(), "wb");
  const std::string text = "abca\n,abcb";
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  model.train();
  CHECK(model.predict() == "text.0,text.1,text.2,sum\na,b,c,9\nb,c,a,9\nc,a,\"\n\",6\na,\"\n\",\",\",3\n\"\n\",\",\",a,3\n"
                           "\",\",a,b,6\na,b,c,9\nb,c,b,10\n");
  model.write("new.txt", "cccb");
  CHECK(model.predict({"--in", model.folder / "new.txt"}) == "text.0,text.1,text.2,sum\nc,c,c,12\nc,c,b,11\n");
  model.write("new.csv", "0,0,1\n4,2,2\n"); // one window a line, by number
  CHECK(model.predict({"--in", model.folder / "new.csv"}) == "text.0,text.1,text.2,sum\n\"\n\",\"\n\",\",\",1\nc,a,a,8\n");
  model.write("new.csv", "0,0,5\n");
  CHECK_THAT(model.run({"predict", "--in", model.folder / "new.csv"}).error,
             Contains("new.csv:1: column 3: 5 is none of the 5 values of d.text: 0 to 4"));
  model.write("new.txt", "ab");
  CHECK_THAT(model.run({"predict", "--in", model.folder / "new.txt"}).error, Contains("shorter than a window of 3"));
  model.write("new.txt", "abcd");
  CHECK_THAT(model.run({"--data", "d=" + (model.folder / "new.txt"), "--quiet"}).error,
             Contains("new.txt:1:4: the character `d`"));
  const Outcome log = model.run({"--log", model.folder / "log", "--epochs", "1", "--quiet"});
  CHECK(log.code == 0);
  CHECK_THAT(read_text(model.folder / "log"), Contains("\"examples\":4,")); // a sequence of 10, cut at 6
}

TEST_CASE("windows over rows of a table, bytes and lines", "[data]") {
  Model model(showing("let names = lines(\"names.txt\")",
                      "  rows = windows(csv(\"table.csv\"), 2)\n  both: real[2] = rows[\"b\"]\n  first: real = rows[0, 0]\n"
                      "  byte: index(100)[2] = windows(bytes(\"bytes.bin\"), 2)\n  name: index(names.size)[names.length] = names",
                      "  predict both = both\n  predict first = first\n  predict byte = byte\n  predict name = name"));
  model.write("table.csv", "a,date,b\n1,mon,10\n2,tue,20\n3,wed,30\n");
  model.write("bytes.bin", std::string("\x05\x06\x63", 3));
  model.write("names.txt", "eve\nal\n");
  model.train();
  CHECK(model.predict() == "both.0,both.1,first,byte.0,byte.1,name.0,name.1,name.2\n10,20,1,5,6,e,v,e\n20,30,2,6,99,a,l,\n");
  model.write("bytes.bin", std::string("\x05\x06\x64", 3));
  const Outcome outcome = model.run({"--quiet"});
  CHECK(outcome.code == 1);
  CHECK_THAT(outcome.error, Contains("bytes.bin: row 2 (from 0): byte is 100, but its type is index(100)"));
}

TEST_CASE("a data root refuses what lies outside", "[data]") {
  Model model(showing("let c = chars(\"../other/text.txt\")", "  x: index(c.size) = c", "", "  load \"../model.safetensors\""));
  std::filesystem::create_directory(model.folder / "inner");
  std::filesystem::create_directory(model.folder / "other");
  model.write("other/text.txt", "abc");
  std::filesystem::rename(model.folder / "model.nn", model.folder / "inner/model.nn");
  auto check = [&](const std::string &root) {
    return run_command({NNC_BINARY, "check", "--data-root", model.folder / root, model.folder / "inner/model.nn"}, model.folder);
  };
  CHECK(check("").code == 0);
  const Outcome outcome = check("inner");
  CHECK(outcome.code == 1);
  CHECK_THAT(outcome.error, Contains("model.nn:1:15: error: `../other/text.txt`: ") && Contains("lies outside the folder") &&
                                Contains("error: `../model.safetensors`: "));
}

TEST_CASE("a sequence that is too short for validation", "[data]") {
  Model model(showing("", "  x: real[3] = windows([1, 2, 3, 4, 5], 3)", "", "  validate 50%"));
  const Outcome outcome = model.run({"--quiet"});
  CHECK(outcome.code == 1);
  CHECK_THAT(outcome.error, Contains("`validate 50%` of `data d`: its sequence of 5 is too short for windows of 3"));
}

TEST_CASE("parameters of PyTorch load into what `into` names", "[data]") {
  Model model("data d { x: real[2] = [[1, 2], [3, 4]] }\nmodel Net {\n  body = Dense(2, 2)\n  head = Dense(2, 1)\n"
              "  fn (x: real[2]) -> real = sum(head(body(x)))\n}\ntrain {\n  net      = Net()\n  data     d\n"
              "  load     \"torch.safetensors\" into net.body\n  freeze   net.body\n  minimize net(x)^2\n  using    sgd(rate = "
              "0.01)\n}\n");
  const float weight[] = {1, 2, 3, 4}, bias[] = {5, 6};
  using nnc::runtime::Element;
  auto save = [&](std::vector<int64_t> shape) {
    nnc::runtime::write_safetensors(model.folder / "torch.safetensors", {{"body.weight", Element::f32, shape, weight},
                                                                         {"body.bias", Element::f32, {2}, bias},
                                                                         {"tail.bias", Element::f32, {1}, bias}});
  };
  save({2, 2});
  model.train();
  bool found = false;
  for (const auto &tensor : nnc::runtime::read_safetensors(model.folder / "model.safetensors"))
    if (tensor.name == "body.weight") found = std::equal(weight, weight + 4, tensor.bytes.as<float>());
  CHECK(found);
  save({4});
  const Outcome outcome = model.run({"--quiet"});
  CHECK(outcome.code == 1);
  CHECK_THAT(outcome.error, Contains("body.weight: [4] in the file, [2, 2] in the model") && !Contains("tail"));
}
