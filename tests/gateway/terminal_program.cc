#include "tests/gateway/terminal_program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/match.h"

extern char** environ;

namespace glyph::gateway {
namespace {

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

TerminalProgram::TerminalProgram(const std::string& binary,
                                 const std::vector<std::string>& arguments,
                                 const std::vector<std::string>& environment) {
  terminal_ = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal_ < 0 || grantpt(terminal_) != 0 || unlockpt(terminal_) != 0) std::abort();
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  // The first terminal that the leader of a session opens becomes the one that signals it.
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, ptsname(terminal_), O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&files, STDIN_FILENO, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, STDIN_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  std::vector<std::string> words = {binary};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
  if (posix_spawn(&pid_, binary.c_str(), &files, &attributes, Pointers(words).data(),
                  Pointers(variables).data()) != 0) {
    std::abort();
  }
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
}

TerminalProgram::~TerminalProgram() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    Wait();
  }
  close(terminal_);
}

void TerminalProgram::Type(const std::string& keys) const {
  if (write(terminal_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) std::abort();
}

std::string TerminalProgram::ReadUntil(const std::string& text) {
  std::string shown;
  for (char c; read(terminal_, &c, 1) == 1;) {
    shown.push_back(c);
    if (absl::EndsWith(shown, text)) break;
  }
  return shown;
}

int TerminalProgram::Wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace glyph::gateway
