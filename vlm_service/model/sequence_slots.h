#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vlm_service/engine/step_executor.h"
#include "vlm_service/sampling/sampler.h"

namespace glyph::vlm {

// What the executor remembers of a sequence between steps.
struct SequenceState {
  std::vector<int32_t> blocks;  // block table
  Sampler sampler;
  int32_t last_token = 0;
  bool return_logits = false;
};

// The sequences of an executor by slot, and which KV blocks their tables name. Not thread-safe.
// Every function CHECK-fails on ids outside the limits and on slots that are not in use.
class SequenceSlots {
 public:
  SequenceSlots(const ExecutorLimits& limits, int32_t vocab_size);

  // Replaces what the slot held.
  void Start(const SlotStart& start);
  void Edit(const TableEdit& edit);
  // The new sequence has the table, the tokens so far and return_logits of the other.
  void Fork(const SlotFork& fork);
  // Nothing happens when the slot is not in use.
  void Release(SequenceSlot slot);

  SequenceState& at(SequenceSlot slot);

  // The cache row of token `index` of a sequence.
  int32_t CacheRow(const SequenceState& sequence, int64_t index) const;

  // Blocks that tables name, each counted once.
  int64_t num_blocks_used() const { return num_blocks_used_; }

 private:
  void Hold(std::span<const int32_t> blocks);
  void Drop(std::span<const int32_t> blocks);

  const int32_t block_tokens_;
  const int32_t vocab_size_;
  std::vector<std::optional<SequenceState>> slots_;  // [max_slots]
  std::vector<int32_t> holders_;                     // [num_blocks] tables that name a block
  int64_t num_blocks_used_ = 0;
};

}  // namespace glyph::vlm
