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
  BlockTable() = default;  // holds nothing and can take nothing

  // Takes `count` blocks of `pool`; nullopt when too few are to be had.
  static std::optional<BlockTable> TryAllocate(BlockPool& pool, int32_t count);

  ~BlockTable() { ShrinkTo(0); }
  BlockTable(BlockTable&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), blocks_(std::exchange(other.blocks_, {})) {}
  BlockTable& operator=(BlockTable&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(blocks_, other.blocks_);
    return *this;
  }

  // A second table of the same blocks, which both now share.
  BlockTable Fork() const;

  // Appends one block; false: none is to be had.
  [[nodiscard]] bool TryGrow();

  // Appends a block with `contents` that the pool knows. False: there is none.
  [[nodiscard]] bool TryGrowShared(const ContentHash& contents);

  // Puts a block with `contents` in place of the last one, which is given back. False: there is
  // none.
  [[nodiscard]] bool TryReplaceLastShared(const ContentHash& contents);

  // Puts a fresh block in place of block `index`, of which a holder is given back: before writing
  // to a block that others hold too. nullopt: none is to be had; else the block that was replaced.
  [[nodiscard]] std::optional<BlockId> TryReplace(int32_t index);

  // Gives back all but the first `count` blocks. CHECK-fails when there are fewer.
  void ShrinkTo(int32_t count);

  bool IsShared(int32_t index) const { return pool_->num_holders(blocks_[index]) > 1; }
  BlockId operator[](int32_t index) const { return blocks_[index]; }
  const std::vector<BlockId>& blocks() const { return blocks_; }
  int32_t size() const { return static_cast<int32_t>(blocks_.size()); }

 private:
  BlockTable(BlockPool& pool, std::vector<BlockId> blocks)
      : pool_(&pool), blocks_(std::move(blocks)) {}

  BlockPool* pool_ = nullptr;
  std::vector<BlockId> blocks_;
};

}  // namespace glyph::vlm
