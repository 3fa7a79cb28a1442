#include "tests/gateway/cli/run_glyph.h"

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

namespace glyph::gateway::cli {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

}  // namespace

GlyphProcess::GlyphProcess(const std::vector<std::string>& arguments, const std::string& input) {
  char folder[] = "/tmp/run_glyph_XXXXXX";
  if (mkdtemp(folder) == nullptr) std::abort();
  folder_ = folder;
  std::ofstream(folder_ + "/in", std::ios::binary) << input;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, (folder_ + "/in").c_str(), O_RDONLY, 0);
  const int create = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&files, 1, (folder_ + "/out").c_str(), create, 0600);
  posix_spawn_file_actions_addopen(&files, 2, (folder_ + "/err").c_str(), create, 0600);
  std::vector<std::string> words = {GLYPH_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (posix_spawn(&pid_, GLYPH_BINARY, &files, nullptr, argv.data(), environ) != 0) std::abort();
  posix_spawn_file_actions_destroy(&files);
}

void GlyphProcess::Signal(int signal) const { kill(pid_, signal); }

GlyphProcess::Result GlyphProcess::Wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  Result result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = ReadFile(folder_ + "/out");
  result.err = ReadFile(folder_ + "/err");
  std::filesystem::remove_all(folder_);
  return result;
}

GlyphProcess::Result RunGlyph(const std::vector<std::string>& arguments, const std::string& input) {
  return GlyphProcess(arguments, input).Wait();
}

}  // namespace glyph::gateway::cli
