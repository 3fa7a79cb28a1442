#pragma once
#include "gateway/cli/ask_command.h"

namespace glyph::gateway::cli {

// glyph chat: asks each line of stdin, with what was said before; the inputs belong to the first
// question, and options.question is not used. On a terminal it prompts and goes on after an error;
// what is piped in ends with the first one. Lines that begin with '/' are commands (/help). Returns
// the exit code.
int RunChat(const AskOptions& options, Interrupts& interrupts);

}  // namespace glyph::gateway::cli
