#include "tests/gateway/program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

extern char** environ;

namespace glyph::gateway {

Program::Program(const std::string& binary, const std::vector<std::string>& arguments,
                 const std::string& input) {
  char folder[] = "/tmp/glyph_program_XXXXXX";
  int out[2];
  if (mkdtemp(folder) == nullptr || pipe2(out, O_CLOEXEC) != 0) std::abort();
  folder_ = folder;
  std::ofstream(folder_ + "/in", std::ios::binary) << input;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, (folder_ + "/in").c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, (folder_ + "/err").c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  std::vector<std::string> words = {binary};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (posix_spawn(&pid_, binary.c_str(), &files, nullptr, argv.data(), environ) != 0) std::abort();
  posix_spawn_file_actions_destroy(&files);
  close(out[1]);
  out_ = fdopen(out[0], "r");
}

Program::~Program() {
  if (pid_ > 0) {
    Signal(SIGKILL);
    Wait();
  }
  std::fclose(out_);
  std::filesystem::remove_all(folder_);
}

std::string Program::ReadLine() {
  std::string line;
  for (int c; (c = std::fgetc(out_)) != EOF && c != '\n';) line.push_back(static_cast<char>(c));
  return line;
}

void Program::Signal(int signal) const { kill(pid_, signal); }

Program::Result Program::Wait() {
  Result result;
  for (int c; (c = std::fgetc(out_)) != EOF;) result.out.push_back(static_cast<char>(c));
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  std::ostringstream error;
  error << std::ifstream(folder_ + "/err", std::ios::binary).rdbuf();
  result.err = error.str();
  return result;
}

}  // namespace glyph::gateway
