#include "vlm_service/kv_cache/block_table.h"

#include <span>

#include "proto/base/check.h"

namespace glyph::vlm {

std::optional<BlockTable> BlockTable::TryAllocate(BlockPool& pool, int32_t count) {
  auto blocks = pool.TryAllocate(count);
  if (!blocks) return std::nullopt;
  return BlockTable(pool, *std::move(blocks));
}

BlockTable BlockTable::Fork() const {
  pool_->Retain(blocks_);
  return BlockTable(*pool_, blocks_);
}

bool BlockTable::TryGrow() {
  const auto block = pool_->TryAllocate(1);
  if (block) blocks_.push_back(block->front());
  return block.has_value();
}

bool BlockTable::TryGrowShared(const ContentHash& contents) {
  GLYPH_CHECK(pool_ != nullptr);
  const std::optional<BlockId> block = pool_->TryShare(contents);
  if (block) blocks_.push_back(*block);
  return block.has_value();
}

bool BlockTable::TryReplaceLastShared(const ContentHash& contents) {
  GLYPH_CHECK(!blocks_.empty());
  const std::optional<BlockId> block = pool_->TryShare(contents);
  if (!block) return false;
  const BlockId old = std::exchange(blocks_.back(), *block);
  pool_->Release(std::span(&old, 1));
  return true;
}

std::optional<BlockId> BlockTable::TryReplace(int32_t index) {
  const auto fresh = pool_->TryAllocate(1);
  if (!fresh) return std::nullopt;
  const BlockId old = std::exchange(blocks_.at(static_cast<size_t>(index)), fresh->front());
  pool_->Release(std::span(&old, 1));
  return old;
}

void BlockTable::ShrinkTo(int32_t count) {
  GLYPH_CHECK(count >= 0 && count <= size());
  if (count == size()) return;
  pool_->Release(std::span(blocks_).subspan(static_cast<size_t>(count)));
  blocks_.resize(static_cast<size_t>(count));
}

}  // namespace glyph::vlm
