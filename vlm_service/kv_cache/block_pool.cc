#include "vlm_service/kv_cache/block_pool.h"

#include "proto/base/check.h"

namespace glyph::vlm {

BlockPool::BlockPool(int32_t capacity) {
  GLYPH_CHECK(capacity > 0);
  ref_counts_.resize(static_cast<size_t>(capacity), 0);
  free_.reserve(ref_counts_.size());
  // Reversed, so that a fresh pool hands out 0, 1, 2, ...
  for (int32_t id = capacity - 1; id >= 0; --id) free_.push_back(BlockId{id});
}

std::optional<std::vector<BlockId>> BlockPool::TryAllocate(int32_t count) {
  GLYPH_CHECK(count >= 0);
  if (count > num_free()) return std::nullopt;
  std::vector<BlockId> blocks(free_.rbegin(), free_.rbegin() + count);
  free_.resize(free_.size() - blocks.size());
  for (const BlockId block : blocks) RefCount(block) = 1;
  return blocks;
}

void BlockPool::Retain(std::span<const BlockId> blocks) {
  for (const BlockId block : blocks) {
    GLYPH_CHECK(RefCount(block) > 0);
    ++RefCount(block);
  }
}

void BlockPool::Release(std::span<const BlockId> blocks) {
  for (const BlockId block : blocks) {
    GLYPH_CHECK(RefCount(block) > 0);
    if (--RefCount(block) == 0) free_.push_back(block);
  }
}

int32_t& BlockPool::RefCount(BlockId block) {
  const auto index = static_cast<size_t>(block);
  GLYPH_CHECK(index < ref_counts_.size());
  return ref_counts_[index];
}

}  // namespace glyph::vlm
