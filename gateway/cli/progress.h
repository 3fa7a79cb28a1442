#pragma once
#include <cstdio>
#include <string>

#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway::cli {

// Tells on stderr how far an answer has come: pages drawn and encoded, tokens, tokens a second,
// characters per visual token. Not thread-safe.
class Progress {
 public:
  enum class Mode {
    kOff,
    kLines,     // a line at the plan, at the first token and at the end
    kTerminal,  // one line that renews itself until the answer's text begins, and a last one
  };

  // `color`: the last line is dimmed (kTerminal only).
  Progress(std::FILE* out, Mode mode, bool color) : out_(out), mode_(mode), color_(color) {}

  // Called for every event before its text is printed.
  void Show(const v1::AskResponse& event);

 private:
  void ShowPages();
  void ShowFinished(const v1::Usage& usage);
  void Print(const std::string& line);
  void Clear();

  std::FILE* const out_;
  const Mode mode_;
  const bool color_;
  v1::AskPlan plan_;
  int num_drawn_ = 0;
  int num_encoded_ = 0;
  bool has_text_ = false;
};

// "4 pages drawn, 4 encoded, 120 tokens, 54.3 tokens/s, 3.1 characters per visual token, 2.41 s".
std::string DescribeUsage(const v1::Usage& usage);

}  // namespace glyph::gateway::cli
