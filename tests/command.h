#pragma once
// For tests that run the compiler as a user does: a command with its output and exit status, and a folder for its files.

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace nnc::test {

/// A new folder, removed with all that is in it.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "nnc-test-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("cannot make a temporary folder");
    path = name;
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }

  std::string operator/(const std::string &name) const { return (path / name).string(); }

  std::filesystem::path path;
};

inline std::string read_text(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_text(const std::string &path, const std::string &text) { std::ofstream(path, std::ios::binary) << text; }

struct Outcome {
  int code = -1;     // the exit code; -1 where a signal ended it
  int signal = 0;    // that signal
  bool late = false; // it was killed after the time allowed
  std::string out, error;
};

/// The processor that tests of numbers compile for; NNC_TEST_CPU names another than this machine's own.
inline std::string test_cpu() {
  const char *cpu = std::getenv("NNC_TEST_CPU");
  return cpu ? cpu : "native";
}

/// Runs `command` (a path and its arguments, no shell) in `folder`, at most `seconds` long.
inline Outcome run_command(const std::vector<std::string> &command, const TemporaryFolder &folder, int seconds = 60) {
  const std::string out = folder / "stdout.txt", error = folder / "stderr.txt";
  std::vector<char *> arguments;
  for (const std::string &word : command) arguments.push_back(const_cast<char *>(word.c_str()));
  arguments.push_back(nullptr);

  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot start a process");
  if (child == 0) {
    const int to_out = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600),
              to_error = open(error.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int nothing = open("/dev/null", O_RDONLY);
    if (dup2(nothing, 0) < 0 || dup2(to_out, 1) < 0 || dup2(to_error, 2) < 0 || chdir(folder.path.c_str()) != 0) _exit(126);
    execv(arguments[0], arguments.data());
    _exit(127);
  }

  Outcome outcome;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (!outcome.late && std::chrono::steady_clock::now() > end) {
      outcome.late = true;
      kill(child, SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (WIFEXITED(status))
    outcome.code = WEXITSTATUS(status);
  else
    outcome.signal = WTERMSIG(status);
  outcome.out = read_text(out);
  outcome.error = read_text(error);
  return outcome;
}

} // namespace nnc::test
