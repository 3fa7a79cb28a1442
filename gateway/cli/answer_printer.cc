#include "gateway/cli/answer_printer.h"

#include <unistd.h>

#include <cstdio>

#include "gateway/cli/json_output.h"
#include "gateway/cli/terminal.h"

namespace glyph::gateway::cli {
namespace {

Progress::Mode ProgressMode(bool progress) {
  if (isatty(STDERR_FILENO) != 0) return Progress::Mode::kTerminal;
  return progress ? Progress::Mode::kLines : Progress::Mode::kOff;
}

}  // namespace

AnswerPrinter::AnswerPrinter(bool json, bool progress)
    : json_(json), progress_(stderr, ProgressMode(progress), UsesColor(STDERR_FILENO)) {}

void AnswerPrinter::Print(const v1::AskResponse& event) {
  if (event.has_finished()) EndLine();
  progress_.Show(event);
  if (json_) {
    PrintJsonLine(event);
  } else if (event.has_delta()) {
    const std::string& text = event.delta().text();
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    if (!text.empty()) is_within_line_ = text.back() != '\n';
  }
}

void AnswerPrinter::EndLine() {
  if (is_within_line_) std::fputc('\n', stdout);
  std::fflush(stdout);
  is_within_line_ = false;
}

}  // namespace glyph::gateway::cli
