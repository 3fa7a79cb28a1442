#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vlm_service/kv_cache/block_id.h"

namespace glyph::vlm {

// Hands out KV blocks and counts their holders. Holds no device memory, so it runs without a GPU.
// Invariant: a block is in `free_` exactly when its count is zero.
// Not thread-safe: only the engine thread calls it (vlm_service/README.md, "Threads").
class BlockPool {
 public:
  explicit BlockPool(int32_t capacity);  // capacity > 0
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // Takes `count` free blocks with one holder each, or takes nothing and returns nullopt when too
  // few are free; the scheduler then leaves the request in its queue.
  [[nodiscard]] std::optional<std::vector<BlockId>> TryAllocate(int32_t count);

  // Adds a holder to each block. CHECK-fails on a free block.
  void Retain(std::span<const BlockId> blocks);

  // Drops a holder from each block; the last holder frees it. CHECK-fails on a free block.
  void Release(std::span<const BlockId> blocks);

  int32_t capacity() const { return static_cast<int32_t>(ref_counts_.size()); }
  int32_t num_free() const { return static_cast<int32_t>(free_.size()); }

 private:
  int32_t& RefCount(BlockId block);

  std::vector<int32_t> ref_counts_;  // indexed by BlockId
  std::vector<BlockId> free_;        // last freed is first reused
};

}  // namespace glyph::vlm
