#pragma once
#include <cstdint>
#include <vector>

#include "vlm_service/prompt/page_image.h"

namespace glyph::vlm {

// Where one page lies in a prompt.
struct PromptPage {
  int64_t first_token = 0;  // index of its first image token in Prompt::ids
  PageGrid grid;
};

// One whole prompt as the model reads it.
struct Prompt {
  std::vector<int32_t> ids;        // [num_tokens], image placeholders expanded
  std::vector<PromptPage> pages;   // in order of first_token
  std::vector<int32_t> positions;  // [3, num_tokens]: time, height, width (M-RoPE)
  int32_t next_position = 0;       // position of the first output token, on all three axes
};

}  // namespace glyph::vlm
