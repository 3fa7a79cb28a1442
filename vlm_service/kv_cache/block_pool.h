#pragma once
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "vlm_service/kv_cache/block_hash.h"
#include "vlm_service/kv_cache/block_id.h"

namespace glyph::vlm {

// Hands out KV blocks, counts their holders and remembers what full blocks hold, so that equal
// prefixes are computed once. Holds no device memory, so it runs without a GPU.
// A block is used (it has holders), cached (none, but its contents are named and may be asked for)
// or free. Cached blocks are taken, least recently used first, when the free ones run out; used
// blocks never.
// Not thread-safe: only the engine thread calls it (vlm_service/README.md, "Threads").
class BlockPool {
 public:
  explicit BlockPool(int32_t capacity);  // capacity > 0
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // Takes `count` blocks with one holder each and no contents, or takes nothing and returns nullopt
  // when fewer are free or cached; the scheduler answers by waiting or preempting.
  [[nodiscard]] std::optional<std::vector<BlockId>> TryAllocate(int32_t count);

  // Adds a holder to each block. CHECK-fails on a block without one.
  void Retain(std::span<const BlockId> blocks);

  // Drops a holder from each block; without any, a named block is cached and another is free. The
  // blocks of a sequence are given in its order, so that the cache loses the end of a chain first.
  // CHECK-fails on a block without a holder.
  void Release(std::span<const BlockId> blocks);

  // Names the contents of a used block, once they are complete. Nothing happens when another block
  // has this name already, or this block has one.
  void Name(BlockId block, const ContentHash& contents);

  // The block that holds `contents`, with one holder more; nullopt when there is none.
  std::optional<BlockId> TryShare(const ContentHash& contents);
  bool Holds(const ContentHash& contents) const { return by_name_.contains(contents); }

  // Takes the block's name away, so that nobody shares it any more.
  void Forget(BlockId block);

  int32_t num_holders(BlockId block) const { return blocks_[Index(block)].num_holders; }
  int32_t capacity() const { return static_cast<int32_t>(blocks_.size()); }
  int32_t num_free() const { return static_cast<int32_t>(free_.size()); }
  int32_t num_cached() const { return static_cast<int32_t>(cached_.size()); }
  int32_t num_used() const { return capacity() - num_free() - num_cached(); }

  // CHECK-fails when the counts, the names and the lists of blocks do not agree. O(capacity).
  void CheckIntegrity() const;

 private:
  struct Block {
    int32_t num_holders = 0;
    std::optional<ContentHash> name;
    std::list<BlockId>::iterator place;  // in cached_, when it is there
  };
  size_t Index(BlockId block) const;

  std::vector<Block> blocks_;  // indexed by BlockId
  std::vector<BlockId> free_;  // last freed is first reused
  std::list<BlockId> cached_;  // least recently used first
  std::unordered_map<ContentHash, BlockId> by_name_;
};

}  // namespace glyph::vlm
