#pragma once
#include <cstdint>
#include <unordered_map>

namespace glyph::vlm {

// The tokens of one sequence as the penalties see them. Kept whatever the penalties are: a fork may
// bring its own.
class TokenHistory {
 public:
  void AddPrompt(int32_t token);
  void AddOutput(int32_t token);

  // How often each token was an output; 0 for those of the prompt alone.
  const std::unordered_map<int32_t, int32_t>& output_counts() const { return output_counts_; }

 private:
  std::unordered_map<int32_t, int32_t> output_counts_;
};

}  // namespace glyph::vlm
