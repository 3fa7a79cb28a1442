#pragma once
#include <cstdint>

#include "vlm_service/prompt/page_image.h"

namespace glyph::vlm {

// What an executor can hold; fixed for its life.
struct ExecutorLimits {
  int32_t num_blocks = 0;         // KV blocks
  int32_t block_tokens = 0;       // tokens of one block
  int32_t max_slots = 0;          // sequences at once
  int64_t max_vision_tokens = 0;  // image tokens of pages held or begun
  int64_t context_tokens = 0;     // prompt and output of one sequence
  int32_t vision_layers = 1;  // a page is encoded in units: first it is embedded, then one layer
  int64_t vision_unit_tokens = 0;  // over the rows of so many image tokens each; 0: of all

  int64_t chunk_step = 1;  // what prefills fastest: chunks of multiples of it, if they are so long
  int32_t max_pages_in_work = INT32_MAX;  // begun, and not encoded
  int32_t max_steps_in_flight = 1;        // 2: one may be submitted before the last is collected
  int64_t gpu_memory_budget_bytes = 0;    // that it may hold; 0 on a CPU

  int64_t pool_tokens() const { return int64_t{num_blocks} * block_tokens; }

  // Two of the largest pages fit side by side.
  int64_t max_page_tokens() const { return max_vision_tokens / 2; }

  // Blocks that hold `tokens`.
  int32_t BlocksFor(int64_t tokens) const {
    return static_cast<int32_t>((tokens + block_tokens - 1) / block_tokens);
  }

  // Units of one page.
  int32_t VisionUnits(const PageGrid& grid) const {
    const int64_t tokens = grid.num_tokens();
    const int64_t rows = vision_unit_tokens == 0 ? tokens : vision_unit_tokens;
    return 1 + vision_layers * static_cast<int32_t>((tokens + rows - 1) / rows);
  }
};

}  // namespace glyph::vlm
