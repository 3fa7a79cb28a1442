#pragma once
#include "absl/status/status.h"

namespace glyph::gateway::cli {

inline constexpr int kExitInterrupted = 130;  // 128 + SIGINT, as shells have it

// The exit code of a command that ended with `status` (sysexits.h): 0 OK, 65 wrong data, 66 no
// input, 69 unavailable, 70 internal, 77 not allowed, 130 cancelled by Ctrl-C.
int ExitCode(const absl::Status& status);

// Prints why `status` failed and what to do as one line on stderr; returns ExitCode(status). When
// stdout cannot be written, that is why: then main prints it, and this returns 74.
int Report(const absl::Status& status);

}  // namespace glyph::gateway::cli
