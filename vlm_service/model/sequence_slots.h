#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vlm_service/engine/step_executor.h"

namespace glyph::vlm {

// The block tables of an executor's sequences, by slot, and which KV blocks they name. Not
// thread-safe. Every function CHECK-fails on ids outside the limits and on slots that are not in
// use.
class SequenceSlots {
 public:
  using Table = std::vector<int32_t>;

  explicit SequenceSlots(const ExecutorLimits& limits);

  // Replaces what the slot held by an empty table.
  void Start(SequenceSlot slot);
  void Edit(const TableEdit& edit);
  // The new sequence has the table of the other.
  void Fork(SequenceSlot from, SequenceSlot to);
  // Nothing happens when the slot is not in use.
  void Release(SequenceSlot slot);

  Table& at(SequenceSlot slot);

  // The cache row of token `index` of a table's sequence.
  int32_t CacheRow(const Table& table, int64_t index) const;

  // Tables that name a block.
  int32_t num_holders(int32_t block) const { return holders_[static_cast<size_t>(block)]; }
  // Blocks that tables name, each counted once.
  int64_t num_blocks_used() const { return num_blocks_used_; }

 private:
  void Hold(std::span<const int32_t> blocks);
  void Drop(std::span<const int32_t> blocks);

  const int32_t block_tokens_;
  std::vector<std::optional<Table>> slots_;  // [max_slots]
  std::vector<int32_t> holders_;             // [num_blocks] tables that name a block
  int64_t num_blocks_used_ = 0;
};

}  // namespace glyph::vlm
