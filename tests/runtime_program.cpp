// The whole program over a module written by hand: linear regression y = w·x + b by gradient descent, with a checked label.

#include "runtime/program.h"

#include "runtime/description.h"
#include "runtime/error.h"
#include "runtime/safetensors.h"
#include "tests/runtime_files.h"

#include <cmath>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace nnc::runtime;
using namespace nnc::tests;
using Catch::Contains;
using Catch::StartsWith;

namespace {

// State: w at 0, b at 64, the number of finished steps (state) at 128. The source's rows are (x, y, label).
float *real(nnc_call *call, int offset) { return reinterpret_cast<float *>(call->state + offset); }
const float *row(nnc_call *call, int64_t i) { return static_cast<const float *>(call->sources[0]) + 3 * call->rows[0][i]; }

int interrupt_at = 0; // the step in which the program gets a signal

void init(nnc_call *call, int thread, int) {
  if (thread == 0) *real(call, 0) = 0.001f * static_cast<float>(call->seed), *real(call, 64) = 0, *real(call, 128) = 0;
}

void train(nnc_call *call, int thread, int threads) {
  if (threads > 1) nnc_barrier(call->team);
  if (thread != 0) return;
  float *w = real(call, 0), *b = real(call, 64);
  auto rate = static_cast<float>(call->settings[0]);
  for (call->done = 0; call->done < call->steps && !*call->stop;) {
    float cost = 0, dw = 0, db = 0, close = 0;
    for (int64_t i = 0; i < call->batch; i++) {
      const float *r = row(call, call->done * call->batch + i);
      float error = *w * r[0] + *b - r[1];
      cost += error * error, dw += 2 * error * r[0], db += 2 * error, close += std::abs(error) < 0.1f;
    }
    auto n = static_cast<float>(call->batch);
    call->costs[call->done] = cost / n;
    call->reports[call->done] = close;
    call->done++;
    if (!std::isfinite(cost)) return;
    *w -= rate * dw / n, *b -= rate * db / n, *real(call, 128) += 1;
    if (call->step + call->done - 1 == interrupt_at) raise(SIGINT);
  }
}

int batches_of_one = 0; // that `train_one` has got

void train_one(nnc_call *call, int thread, int threads) {
  train(call, thread, threads);
  if (thread == 0) batches_of_one += static_cast<int>(call->batch == 1 ? call->done : 1000);
}

void evaluate(nnc_call *call, int thread, int) {
  if (thread != 0) return;
  call->costs[0] = 0, call->reports[0] = 0;
  for (int64_t i = 0; i < call->batch; i++) {
    float error = *real(call, 0) * row(call, i)[0] + *real(call, 64) - row(call, i)[1];
    call->costs[0] += error * error, call->reports[0] += std::abs(error) < 0.1f;
  }
}

void predict(nnc_call *call, int thread, int) {
  if (thread != 0) return;
  for (int64_t i = 0; i < call->batch; i++) {
    float x = row(call, i)[0];
    static_cast<float *>(call->outputs[0])[i] = *real(call, 0) * x + *real(call, 64);
    static_cast<int32_t *>(call->outputs[1])[2 * i] = static_cast<int32_t>(call->rows[0][i]);
    static_cast<int32_t *>(call->outputs[1])[2 * i + 1] = 7;
  }
}

void check(nnc_call *call, int thread, int) {
  if (thread == 0)
    for (int64_t i = 0; i < call->batch; i++) static_cast<double *>(call->outputs[0])[i] = row(call, i)[2];
}

Description line_model(const Folder &folder) {
  Description about;
  about.version = NNC_MODULE_VERSION;
  about.nnc = "0.1.0", about.model = folder.at("line"), about.file = "line.nn", about.directory = folder.path, about.real = "f32";
  about.state_bytes = 192;
  about.train_arena = {64, 4, 0};
  about.tensors = {{"w", "parameter", Stored::f32, {}, 0, "line.nn:2:3"},
                   {"b", "parameter", Stored::f32, {1}, 64, "line.nn:3:3"},
                   {"finished", "state", Stored::f32, {}, 128, "line.nn:4:3"}};
  Source source;
  source.name = "points", source.format = "csv", source.path = "points.csv", source.directory = folder.path, source.row = {3};
  about.sources = {source};
  about.checks = {{"label", "index(3)", 3, 1, 0, {2}}};
  about.data = {{"points", {0}, {0}}};
  about.costs = {"cost"}, about.cost_places = {"line.nn:12:3"}, about.reports = {"close"};
  about.predictions = {{"y", "real", Stored::f32, {}, {0}, {0}, {}}, {"pair", "i32", Stored::i32, {2}, {0}, {0}, {}}};
  about.settings = {{"rate", 0.1}};
  about.validate_share = 0.25;
  about.batch = 8, about.epochs = 40, about.seed = 5;
  return about;
}

std::string points(int count) {
  std::string text = "x,y,label\n";
  for (int i = 0; i < count; i++) {
    double x = i * 0.618 - std::floor(i * 0.618);
    text += fmt::format("{},{},{}\n", x, 3 * x - 1, i % 3);
  }
  return text;
}

struct Result {
  int code;
  std::string out, err;
};

/// Runs the program with its two streams going to files.
Result run(const Folder &folder, const Description &about, std::vector<std::string> args) {
  std::string json = to_json(about);
  const nnc_module module = {json.c_str(), init, train, evaluate, predict, check, nullptr, train_one};
  std::fflush(stdout), std::fflush(stderr);
  int out = dup(1), err = dup(2);
  REQUIRE(freopen(folder.at("stdout").c_str(), "w", stdout));
  REQUIRE(freopen(folder.at("stderr").c_str(), "w", stderr));
  int code = run_program(module, std::move(args));
  std::fflush(stdout), std::fflush(stderr);
  dup2(out, 1), dup2(err, 2);
  close(out), close(err);
  return {code, folder.read("stdout"), folder.read("stderr")};
}

std::vector<nlohmann::json> events(const Folder &folder, const std::string &name) {
  std::vector<nlohmann::json> result;
  std::istringstream lines(folder.read(name));
  for (std::string line; std::getline(lines, line);) result.push_back(nlohmann::json::parse(line));
  return result;
}

struct Line { // a folder with data and the model
  Line() { folder.write("points.csv", points(50)); }
  Result operator()(std::vector<std::string> args) const { return run(folder, about, std::move(args)); }
  Folder folder;
  Description about = line_model(folder);
};

} // namespace

TEST_CASE("a description reads back as it was written") {
  Folder folder;
  Description about = line_model(folder);
  about.sources[0].header = 2;
  about.sources[0].alphabets = {{1, {"ä", "b\"c"}}};
  about.sources[0].key = "x", about.sources[0].window = 3, about.sources[0].names = {"\n", "é"}, about.sources[0].limit = 2;
  about.load = {{"a.safetensors", {0, 2}, {"w", "b"}}};
  about.seed = UINT64_MAX;
  CHECK(to_json(from_json(to_json(about))) == to_json(about));
  CHECK(from_json(to_json(about)).seed == UINT64_MAX);
  CHECK_THAT(error_of([] { from_json("{}"); }), Contains("version"));
  CHECK_THAT(error_of([] { from_json("{"); }), Contains("cannot be read"));
}

TEST_CASE("training, then eval, predict, info") {
  Line line;
  Result trained = line({"--log", line.folder.at("log"), "--log-every", "50"});
  CHECK(trained.err == "");
  REQUIRE(trained.code == 0);
  CHECK_THAT(trained.out, Contains("epoch 40/40  cost ") && Contains("validation  cost ") &&
                              Contains("saved " + line.folder.at("line.safetensors")));

  auto tensors = read_safetensors(line.folder.at("line.safetensors"));
  REQUIRE(tensors.size() == 3);
  CHECK(*tensors[0].bytes.as<float>() == Approx(3).epsilon(0.1));
  CHECK(*tensors[2].bytes.as<float>() == 40 * 5); // 37 training rows in batches of 8

  auto log = events(line.folder, "log");
  CHECK(log.front()["event"] == "start");
  CHECK(log.front()["examples"] == 37);
  CHECK(log.front()["parameters"] == 2);
  CHECK(std::count_if(log.begin(), log.end(), [](auto &e) { return e["event"] == "step"; }) == 4);
  auto &last_epoch = log[log.size() - 2];
  CHECK(last_epoch["epoch"] == 40);
  CHECK(last_epoch["step"] == 200);
  CHECK(last_epoch["validation"]["close"].get<double>() <= 1);
  CHECK(log.back()["event"] == "end");
  CHECK(log.back()["steps"] == 200);

  Result evaluated = line({"eval"});
  CHECK(evaluated.code == 0);
  CHECK_THAT(evaluated.out,
             StartsWith(fmt::format("validation of 13 examples:  cost {:.5g}", last_epoch["validation"]["cost"].get<double>())));

  Result predicted = line({"predict"});
  CHECK(predicted.code == 0);
  CHECK_THAT(predicted.out, StartsWith("y,pair.0,pair.1\n-"));
  CHECK_THAT(predicted.out, Contains(",49,7\n"));
  line.folder.write("in.csv", "x\n0\n1\n"); // only the column that the predictions read
  CHECK(line({"predict", "--in", line.folder.at("in.csv"), "--out", line.folder.at("out.safetensors")}).code == 0);
  auto outputs = read_safetensors(line.folder.at("out.safetensors"));
  REQUIRE(outputs.size() == 2);
  CHECK(outputs[0].shape == std::vector<int64_t>{2});
  CHECK(outputs[1].shape == std::vector<int64_t>{2, 2});
  CHECK_THAT(line({"predict", "--out", line.folder.at("out.npy")}).err, Contains("holds one array"));
  line.folder.write("in.csv", "1,2\n");
  CHECK_THAT(line({"predict", "--in", line.folder.at("in.csv")}).err, Contains("2 columns") && Contains("or the 1 that it uses"));

  CHECK(line({"predict", "--count", "3"}).code == 2); // there is one prediction for each row

  Result info = line({"info"});
  CHECK(info.code == 0);
  CHECK_THAT(info.out, Contains("parameters: 2 in 2 tensors") && Contains("train 96,"));
}

TEST_CASE("the same bits for any number of threads and any progress") {
  Line line;
  std::string first;
  for (const char *threads : {"1", "2", "3"}) {
    CHECK(line({"--threads", threads, "--progress", "always"}).code == 0);
    std::string bytes = line.folder.read("line.safetensors");
    if (first.empty()) first = bytes;
    CHECK(bytes == first);
  }
  CHECK(line({"--seed", "6"}).code == 0);
  CHECK(line.folder.read("line.safetensors") != first);
}

TEST_CASE("steps that end within an epoch, a batch larger than the data, --set, --shuffle, --load") {
  Line line;
  std::string log = line.folder.at("log");
  CHECK(line({"--steps", "7", "--log", log, "--shuffle", "off", "--quiet"}).out == "");
  auto told = events(line.folder, "log");
  CHECK(told[told.size() - 2]["step"] == 7);
  CHECK(told[told.size() - 2]["epoch"] == 2);
  CHECK(told[told.size() - 2].contains("validation"));
  CHECK(told.back()["epochs"] == 2);
  CHECK(line({"--batch", "1000", "--epochs", "3", "--log", log}).code == 0);
  CHECK(events(line.folder, "log").back()["steps"] == 3);
  CHECK(line({"--set", "rate=0", "--epochs", "1"}).code == 0);
  std::string untouched = line.folder.at("line.safetensors");
  CHECK(*read_safetensors(untouched)[0].bytes.as<float>() == 0.001f * 5);
  CHECK(line({"--epochs", "1", "--save", line.folder.at("a.safetensors")}).code == 0);
  CHECK(line({"--set", "rate=0", "--epochs", "1", "--load", line.folder.at("a.safetensors")}).code == 0);
  CHECK(*read_safetensors(untouched)[0].bytes.as<float>() ==
        *read_safetensors(line.folder.at("a.safetensors"))[0].bytes.as<float>());
}

TEST_CASE("mini-batches of one example have an entry of their own") {
  Line line;
  batches_of_one = 0;
  CHECK(line({"--batch", "1", "--steps", "60"}).code == 0);
  CHECK(batches_of_one == 60);
  CHECK(line({"--batch", "37", "--steps", "10"}).code == 0); // of 38 rows: the second has one
  CHECK(batches_of_one == 60);
}

TEST_CASE("of epochs that run in one call the last is told, and each step that is asked for") {
  Line line;
  line.about.validate_share = 0;
  const std::string log = line.folder.at("log");
  auto epochs = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"--epochs", "4000", "--batch", "10", "--quiet", "--log", log});
    CHECK(line(std::move(more)).code == 0);
    return events(line.folder, "log");
  };
  line.about.reads_epoch = true; // one after the other
  const auto apart = epochs({"--log-every", "7"});
  line.about.reads_epoch = false;
  const auto joined = epochs({"--log-every", "7"});
  auto steps = [](const std::vector<nlohmann::json> &all) {
    std::vector<nlohmann::json> steps;
    for (const auto &event : all)
      if (event["event"] == "step") steps.push_back(event);
    return steps;
  };
  CHECK(steps(apart).size() == 20000 / 7);
  CHECK(steps(apart) == steps(joined));
  for (const char *key : {"epoch", "step", "cost", "close"})
    CHECK(apart[apart.size() - 2][key] == joined[joined.size() - 2][key]);
}

TEST_CASE("a cost that is not finite stops and keeps what was saved") {
  Line line;
  line.folder.write("line.safetensors", "old");
  Result result = line({"--set", "rate=1e30"});
  CHECK(result.code == 3);
  CHECK_THAT(result.err, Contains("line.nn:12:3: the cost is inf at step 2 (epoch 1)") && Contains("was not written"));
  CHECK(line.folder.read("line.safetensors") == "old");
}

TEST_CASE("a signal stops after the step, saves, and has its exit code") {
  Line line;
  interrupt_at = 12;
  Result result = line({"--log", line.folder.at("log")});
  interrupt_at = 0;
  CHECK(result.code == 130);
  CHECK_THAT(result.out, Contains("interrupted: saved "));
  CHECK(*read_safetensors(line.folder.at("line.safetensors"))[2].bytes.as<float>() == 12);
  CHECK(events(line.folder, "log").back()["steps"] == 12);
}

TEST_CASE("data and files at fault exit with 1") {
  Line line;
  std::string bad = points(50);
  bad.replace(bad.rfind(",1\n"), 3, ",3\n");
  std::string path = line.folder.write("bad.csv", bad);
  Result result = line({"--data", "points=" + path});
  CHECK(result.code == 1);
  CHECK_THAT(result.err, Contains("bad.csv:51: column 3: label is 3, but its type is index(3): 0 to 2"));
  CHECK(line({"--data", "points=/nonexistent"}).code == 1);
  CHECK(line({"--save", line.folder.at("no/a.safetensors")}).code == 1);
  CHECK_THAT(line({"eval"}).err, Contains("train first"));
  const float w[2] = {1, 2};
  write_safetensors(line.folder.at("other.safetensors"), {{"w", Element::f32, {2}, w}, {"x", Element::f32, {}, w}});
  Result loaded = line({"eval", "--load", line.folder.at("other.safetensors")});
  CHECK(loaded.code == 1);
  CHECK_THAT(loaded.err, Contains("w: [2] in the file, [] in the model") && Contains("b: not in the file") &&
                             Contains("x: not in the model"));
}

TEST_CASE("`load` sets all, or what it names, by either name") {
  Line line;
  const float values[] = {3, 4};
  const int64_t counter = 7;
  auto trained = [&] { return line({"--set", "rate=0", "--epochs", "1", "--quiet"}); };
  auto saved = [&](const std::string &name) {
    for (const auto &tensor : read_safetensors(line.folder.at("line.safetensors")))
      if (tensor.name == name) return *tensor.bytes.as<float>();
    return NAN;
  };
  write_safetensors(line.folder.at("part.safetensors"), {{"w", Element::f32, {}, values}, {"other", Element::f32, {2}, values}});
  line.about.load = {{"part.safetensors", {0}, {"w"}}};
  CHECK(trained().err == "");
  CHECK(saved("w") == 3);
  CHECK(saved("b") == 0);

  write_safetensors(line.folder.at("alone.safetensors"), {{"bias", Element::f32, {1}, values + 1}});
  line.about.load = {{"part.safetensors", {0}, {"w"}}, {"alone.safetensors", {1}, {"bias"}}};
  CHECK(trained().err == "");
  CHECK(saved("w") == 3);
  CHECK(saved("b") == 4);

  line.about.load = {{"part.safetensors", {0, 1}, {"w", "bias"}}};
  Result missing = trained();
  CHECK(missing.code == 1);
  CHECK_THAT(missing.err,
             Contains("part.safetensors does not match the model") && Contains("b: not in the file") && !Contains("other"));
  line.about.load = {{"part.safetensors", {}, {}}};
  CHECK_THAT(trained().err, Contains("other: not in the model") && Contains("finished: not in the file"));

  write_safetensors(line.folder.at("whole.safetensors"), {{"w", Element::f32, {}, values},
                                                          {"b_l0", Element::f32, {1}, values},
                                                          {"finished", Element::f32, {}, values},
                                                          {"norm.num_batches_tracked", Element::i64, {}, &counter}});
  line.about.load = {{"whole.safetensors", {}, {}}};
  CHECK(trained().err == "");
  CHECK(saved("b") == 3);
}

TEST_CASE("wrong usage exits with 2") {
  Line line;
  std::vector<std::string> wrong[] = {{"--nonsense"},
                                      {"walk"},
                                      {"--batch", "0"},
                                      {"--batch", "x"},
                                      {"--threads", "0"},
                                      {"--seed", "-1"},
                                      {"--set", "speed=1"},
                                      {"--set", "rate"},
                                      {"--data", "x=y"},
                                      {"--epochs", "1", "--steps", "1"},
                                      {"--log-every", "3"},
                                      {"--resume", "x"},
                                      {"eval", "--profile"},
                                      {"generate"},

                                      {"predict", "--out", "x.txt"},
                                      {"--shuffle", "maybe"},
                                      {"eval", "--epochs", "3"}};
  for (const auto &args : wrong) {
    INFO(fmt::format("{}", fmt::join(args, " ")));
    Result result = line(args);
    CHECK(result.code == 2);
    CHECK(result.err != "");
  }
  for (const char *command : {"train", "eval", "predict", "info"}) CHECK(line({command, "--help"}).code == 0);
}

TEST_CASE("without data an epoch is one mini-batch") {
  Folder folder;
  Description about = line_model(folder);
  about.sources.clear(), about.data.clear(), about.checks.clear(), about.predictions.clear();
  std::string json = to_json(about);
  auto train_nothing = [](nnc_call *call, int thread, int) {
    if (thread != 0) return;
    for (int64_t i = 0; i < call->steps; i++) call->costs[i] = call->rows ? NAN : 1, call->reports[i] = 8;
    call->done = call->steps;
  };
  const nnc_module module = {json.c_str(), init, train_nothing, evaluate, predict, check, nullptr, nullptr};
  CHECK(run_program(module, {"--epochs", "30", "--quiet", "--log", folder.at("log")}) == 0);
  auto log = events(folder, "log");
  CHECK(log.back()["steps"] == 30);
  CHECK(log[log.size() - 2]["close"] == 1);
}
