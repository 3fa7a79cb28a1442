#pragma once
#include <string>
#include <vector>

namespace glyph::gateway {

// A binary at a terminal of its own, as somebody sits before it. Not thread-safe.
class TerminalProgram {
 public:
  // `environment`: variables besides this process's, as in "NO_COLOR=1".
  TerminalProgram(const std::string& binary, const std::vector<std::string>& arguments,
                  const std::vector<std::string>& environment = {});
  TerminalProgram(const TerminalProgram&) = delete;
  TerminalProgram& operator=(const TerminalProgram&) = delete;
  ~TerminalProgram();  // kills it when it still runs

  // Types; "\3" is Ctrl-C, "\4" at the beginning of a line Ctrl-D.
  void Type(const std::string& keys) const;
  // What the terminal shows, up to the next `text`; all there is when the program ends before.
  std::string ReadUntil(const std::string& text);
  // Waits for the end; 128 + signal when one ended it.
  int Wait();

 private:
  int pid_ = -1;
  int terminal_ = -1;
};

}  // namespace glyph::gateway
