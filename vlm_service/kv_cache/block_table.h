#pragma once
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "vlm_service/kv_cache/block_pool.h"

namespace glyph::vlm {

// The blocks of one sequence, in the order of its tokens. Owns one holder of each block and gives
// it back when destroyed, so that no path can leak a block.
// The pool outlives the table. Not thread-safe.
class BlockTable {
 public:
  BlockTable() = default;  // holds nothing

  // Takes `count` blocks of `pool`; nullopt when too few are free.
  static std::optional<BlockTable> TryAllocate(BlockPool& pool, int32_t count);

  ~BlockTable() { ShrinkTo(0); }
  BlockTable(BlockTable&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), blocks_(std::exchange(other.blocks_, {})) {}
  BlockTable& operator=(BlockTable&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(blocks_, other.blocks_);
    return *this;
  }

  // Gives back all but the first `count` blocks. CHECK-fails when there are fewer.
  void ShrinkTo(int32_t count);

  const std::vector<BlockId>& blocks() const { return blocks_; }
  int32_t size() const { return static_cast<int32_t>(blocks_.size()); }

 private:
  BlockTable(BlockPool& pool, std::vector<BlockId> blocks)
      : pool_(&pool), blocks_(std::move(blocks)) {}

  BlockPool* pool_ = nullptr;
  std::vector<BlockId> blocks_;
};

}  // namespace glyph::vlm
