#pragma once
#include <cstdio>
#include <string>
#include <vector>

namespace glyph::gateway {

// A binary at work. Not thread-safe.
class Program {
 public:
  struct Result {
    int exit_code = -1;  // 128 + signal when one ended it
    std::string out, err;
  };

  // Starts `binary` with `input` as its stdin.
  Program(const std::string& binary, const std::vector<std::string>& arguments,
          const std::string& input = "");
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();  // kills it when it still runs

  // The next line of stdout, without its end; empty at the end of the output.
  std::string ReadLine();
  void Signal(int signal) const;
  // Waits for the end; `out` is what ReadLine left.
  Result Wait();

 private:
  int pid_ = -1;
  std::FILE* out_ = nullptr;
  std::string folder_;  // of stdin and stderr
};

}  // namespace glyph::gateway
