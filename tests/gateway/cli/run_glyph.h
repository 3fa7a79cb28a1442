#pragma once
#include <string>
#include <vector>

namespace glyph::gateway::cli {

// The `glyph` binary at work.
class GlyphProcess {
 public:
  struct Result {
    int exit_code = -1;  // 128 + signal when one ended it
    std::string out, err;
  };

  // Starts it with `input` as its stdin.
  explicit GlyphProcess(const std::vector<std::string>& arguments, const std::string& input = "");

  void Signal(int signal) const;
  // Waits for the end.
  Result Wait();

 private:
  int pid_;
  std::string folder_;  // of stdin, stdout and stderr
};

// Start and Wait.
GlyphProcess::Result RunGlyph(const std::vector<std::string>& arguments,
                              const std::string& input = "");

}  // namespace glyph::gateway::cli
