#pragma once
#include <cstdio>
#include <cstdlib>

namespace glyph::base {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, condition);
  std::abort();
}

}  // namespace glyph::base

// Ends the process when `condition` does not hold: for invariants of our own code, in every build.
// Input and environment get an absl::Status instead.
#define GLYPH_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::glyph::base::CheckFailed(__FILE__, __LINE__, #condition))
