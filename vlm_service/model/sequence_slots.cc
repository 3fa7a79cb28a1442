#include "vlm_service/model/sequence_slots.h"

#include <utility>

#include "c10/util/Exception.h"

namespace glyph::vlm {

SequenceSlots::SequenceSlots(const ExecutorLimits& limits, int32_t vocab_size)
    : block_tokens_(limits.block_tokens),
      vocab_size_(vocab_size),
      slots_(limits.max_slots),
      holders_(limits.num_blocks) {}

void SequenceSlots::Start(const SlotStart& start) {
  Release(start.slot);
  slots_[static_cast<size_t>(start.slot)].emplace(
      SequenceState{.blocks = {},
                    .sampler = Sampler(start.sampling, vocab_size_),
                    .return_logits = start.return_logits});
}

void SequenceSlots::Edit(const TableEdit& edit) {
  std::vector<int32_t>& blocks = at(edit.slot).blocks;
  const auto index = static_cast<size_t>(edit.index);
  TORCH_CHECK(index <= blocks.size(), "a block table of ", blocks.size(), " is edited at ", index);
  if (index == blocks.size()) {
    blocks.push_back(static_cast<int32_t>(edit.block));
  } else {
    Drop({&blocks[index], 1});
    blocks[index] = static_cast<int32_t>(edit.block);
  }
  Hold({&blocks[index], 1});
}

void SequenceSlots::Fork(const SlotFork& fork) {
  Release(fork.to);
  const SequenceState& from = at(fork.from);
  slots_[static_cast<size_t>(fork.to)].emplace(
      SequenceState{.blocks = from.blocks,
                    .sampler = from.sampler.WithParams(fork.sampling),
                    .return_logits = from.return_logits});
  Hold(from.blocks);
}

void SequenceSlots::Release(SequenceSlot slot) {
  std::optional<SequenceState>& held = slots_.at(static_cast<size_t>(slot));
  if (!held.has_value()) return;
  Drop(held->blocks);
  held.reset();
}

SequenceState& SequenceSlots::at(SequenceSlot slot) {
  std::optional<SequenceState>& held = slots_.at(static_cast<size_t>(slot));
  TORCH_CHECK(held.has_value(), "a plan runs a slot that was not started");
  return *held;
}

int32_t SequenceSlots::CacheRow(const SequenceState& sequence, int64_t index) const {
  const auto block = static_cast<size_t>(index / block_tokens_);
  TORCH_CHECK(block < sequence.blocks.size(), "token ", index,
              " lies outside its sequence's blocks");
  return sequence.blocks[block] * block_tokens_ + static_cast<int32_t>(index % block_tokens_);
}

void SequenceSlots::Hold(std::span<const int32_t> blocks) {
  for (const int32_t block : blocks) {
    num_blocks_used_ += holders_.at(static_cast<size_t>(block))++ == 0 ? 1 : 0;
  }
}

void SequenceSlots::Drop(std::span<const int32_t> blocks) {
  for (const int32_t block : blocks) {
    num_blocks_used_ -= --holders_[static_cast<size_t>(block)] == 0 ? 1 : 0;
  }
}

}  // namespace glyph::vlm
