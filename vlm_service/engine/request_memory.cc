#include "vlm_service/engine/request_memory.h"

#include <algorithm>
#include <string_view>

namespace glyph::vlm {
namespace {

// Blocks of `table` that do not stand at the same place of `other`.
int64_t NumOwn(const BlockTable& table, const BlockTable& other) {
  const int32_t common = std::min(table.size(), other.size());
  int64_t num_own = table.size() - common;
  for (int32_t i = 0; i < common; ++i) num_own += table[i] != other[i] ? 1 : 0;
  return num_own;
}

int64_t HeldImageTokens(const Sequence& sequence) {
  int64_t tokens = 0;
  for (const SequencePage& page : sequence.pages) {
    if (page.held.has_value()) tokens += page.grid.num_tokens();
  }
  return tokens;
}

}  // namespace

RequestMemory::RequestMemory(const std::vector<ComponentMemory>& memory,
                             const ExecutorLimits& limits) {
  for (const ComponentMemory& use : memory) {
    const std::string_view component = use.component;
    if (component == "kv" && limits.num_blocks > 0) {
      block_bytes_ = use.reserved_bytes / limits.num_blocks;
    }
    if (component == "vision" && limits.max_vision_tokens > 0) {
      image_token_bytes_ = use.reserved_bytes / limits.max_vision_tokens;
    }
  }
}

int64_t RequestMemory::HeldBytes(const Scheduler& scheduler, SequenceId first,
                                 size_t num_samples) const {
  int64_t num_blocks = 0;
  int64_t image_tokens = 0;
  const Sequence* reference = nullptr;
  for (size_t i = 0; i < num_samples; ++i) {
    const SequenceId id{static_cast<int64_t>(first) + static_cast<int64_t>(i)};
    if (!scheduler.Contains(id)) continue;  // not begun, or ended
    const Sequence& sequence = scheduler.Get(id);
    if (reference == nullptr) {
      reference = &sequence;
      num_blocks += sequence.blocks.size();
      image_tokens += HeldImageTokens(sequence);
    } else {
      num_blocks += NumOwn(sequence.blocks, reference->blocks);
    }
  }
  return num_blocks * block_bytes_ + image_tokens * image_token_bytes_;
}

}  // namespace glyph::vlm
