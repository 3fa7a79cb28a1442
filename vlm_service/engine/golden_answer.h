#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace glyph::vlm {

// One output token of the reference and how sure it was of it.
struct GoldenStep {
  std::vector<int32_t> ids;    // the likeliest, at least one; the first is the token
  std::vector<double> logits;  // of `ids`
};

// What a model answers to the self-test's prompt, by its reference.
struct GoldenAnswer {
  std::string text = "Hi";        // after the blank page
  std::vector<GoldenStep> steps;  // empty: any finite logits will do
  double tolerance = 0;           // of each logit
};

}  // namespace glyph::vlm
