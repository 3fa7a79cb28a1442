#include "vlm_service/kv_cache/block_pool.h"

#include "proto/base/check.h"

namespace glyph::vlm {

BlockPool::BlockPool(int32_t capacity) {
  GLYPH_CHECK(capacity > 0);
  blocks_.resize(static_cast<size_t>(capacity));
  free_.reserve(blocks_.size());
  by_name_.reserve(blocks_.size());
  // Reversed, so that a fresh pool hands out 0, 1, 2, ...
  for (int32_t id = capacity - 1; id >= 0; --id) free_.push_back(BlockId{id});
}

std::optional<std::vector<BlockId>> BlockPool::TryAllocate(int32_t count) {
  GLYPH_CHECK(count >= 0);
  if (count > num_free() + num_cached()) return std::nullopt;
  while (num_free() < count) Forget(cached_.front());
  std::vector<BlockId> taken(free_.rbegin(), free_.rbegin() + count);
  free_.resize(free_.size() - taken.size());
  for (const BlockId block : taken) blocks_[Index(block)].num_holders = 1;
  return taken;
}

void BlockPool::Retain(std::span<const BlockId> blocks) {
  for (const BlockId block : blocks) {
    GLYPH_CHECK(num_holders(block) > 0);
    ++blocks_[Index(block)].num_holders;
  }
}

void BlockPool::Release(std::span<const BlockId> blocks) {
  for (auto id = blocks.rbegin(); id != blocks.rend(); ++id) {
    Block& block = blocks_[Index(*id)];
    GLYPH_CHECK(block.num_holders > 0);
    if (--block.num_holders > 0) continue;
    if (block.name) {
      block.place = cached_.insert(cached_.end(), *id);
    } else {
      free_.push_back(*id);
    }
  }
}

void BlockPool::Name(BlockId id, const ContentHash& contents) {
  Block& block = blocks_[Index(id)];
  GLYPH_CHECK(block.num_holders > 0);
  if (block.name || !by_name_.try_emplace(contents, id).second) return;
  block.name = contents;
}

std::optional<BlockId> BlockPool::TryShare(const ContentHash& contents) {
  const auto found = by_name_.find(contents);
  if (found == by_name_.end()) return std::nullopt;
  Block& block = blocks_[Index(found->second)];
  if (block.num_holders++ == 0) cached_.erase(block.place);
  return found->second;
}

void BlockPool::Forget(BlockId id) {
  Block& block = blocks_[Index(id)];
  if (!block.name) return;
  by_name_.erase(*block.name);
  block.name.reset();
  if (block.num_holders > 0) return;
  cached_.erase(block.place);
  free_.push_back(id);
}

void BlockPool::CheckIntegrity() const {
  size_t num_named = 0, num_idle_named = 0, num_idle = 0;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    GLYPH_CHECK(block.num_holders >= 0);
    if (block.num_holders == 0) ++num_idle;
    if (!block.name) continue;
    ++num_named;
    if (block.num_holders == 0) ++num_idle_named;
    const auto found = by_name_.find(*block.name);
    GLYPH_CHECK(found != by_name_.end() && Index(found->second) == i);
  }
  GLYPH_CHECK(num_named == by_name_.size() && num_idle_named == cached_.size());
  GLYPH_CHECK(num_idle == cached_.size() + free_.size());
  for (const BlockId block : free_) GLYPH_CHECK(num_holders(block) == 0);
  for (const BlockId block : cached_) GLYPH_CHECK(num_holders(block) == 0);
}

size_t BlockPool::Index(BlockId block) const {
  const auto index = static_cast<size_t>(block);
  GLYPH_CHECK(index < blocks_.size());
  return index;
}

}  // namespace glyph::vlm
