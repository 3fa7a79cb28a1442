#pragma once
#include "gateway/cli/ask_command.h"
#include "gateway/cli/open_loop.h"

namespace glyph::gateway::cli {

struct BenchOptions {
  AskOptions ask;  // what each request asks; progress is not used
  LoadOptions load;
};

// glyph bench: asks the same at a fixed rate and prints percentiles, what failed included. Returns
// 0 when all went well, otherwise the exit code of the first failure; 130 after an interrupt, with
// the report of what was done until then.
int RunBench(const BenchOptions& options, Interrupts& interrupts);

}  // namespace glyph::gateway::cli
