#pragma once
#include <cstdint>

namespace glyph::vlm {

// How long prefill and vision may make a step, in milliseconds as StepCost predicts them. At least
// one unit of work always goes.
struct StepBudget {
  double idle_ms = 80;          // while nothing decodes: how late a cancel may be heard
  double decode_stretch = 1.4;  // while something does: so many times what decoding itself takes
  double quantum_ms = 250;      // of FairShare
  int64_t max_chunk_tokens = 1024;
  bool reuse_prefixes = true;  // share blocks and pages between sequences
};

// What is left of one step.
struct StepRoom {
  double ms = 0;
  bool arena = true;  // false: the vision arena's next room is somebody's who waits for it
};

}  // namespace glyph::vlm
