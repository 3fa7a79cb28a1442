#pragma once

namespace glyph::gateway::cli {

// Colours may be written to the file: it is a terminal that has them, and NO_COLOR is empty or
// unset (no-color.org).
bool UsesColor(int file);

}  // namespace glyph::gateway::cli
