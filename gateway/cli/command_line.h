#pragma once
#include "gateway/cli/interrupts.h"

namespace glyph::gateway::cli {

// Reads the command line of `glyph` and runs the command it names. Returns the exit code; 64 when
// the command line is wrong.
int RunCommandLine(int argc, char** argv, Interrupts& interrupts);

}  // namespace glyph::gateway::cli
