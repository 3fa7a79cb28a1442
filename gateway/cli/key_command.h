#pragma once
#include <string>

namespace glyph::gateway::cli {

// glyph key: makes a key for `name`. Prints the line for the gateway's key file on stdout and the
// key itself, which is stored nowhere, on stderr. Returns the exit code.
int RunKey(const std::string& name);

}  // namespace glyph::gateway::cli
