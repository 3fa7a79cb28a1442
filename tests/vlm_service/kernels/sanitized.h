#pragma once
#include <cstdlib>

namespace glyph::vlm::kernels {

// True under GLYPH_SANITIZED=1, which says that compute-sanitizer's racecheck runs the test. It is
// thousands of times slower, so tests launch the same kernels less often.
inline bool IsSanitized() { return std::getenv("GLYPH_SANITIZED") != nullptr; }

}  // namespace glyph::vlm::kernels
