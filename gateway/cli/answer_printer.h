#pragma once
#include "gateway/cli/progress.h"
#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway::cli {

// Prints the events of one answer: its text on stdout, or with `json` every event as a line there;
// its progress on stderr, when that is a terminal or `progress` is set. Not thread-safe.
class AnswerPrinter {
 public:
  AnswerPrinter(bool json, bool progress);

  void Print(const v1::AskResponse& event);

  // Ends the line of a text that broke off.
  void EndLine();

 private:
  const bool json_;
  Progress progress_;
  bool is_within_line_ = false;
};

}  // namespace glyph::gateway::cli
