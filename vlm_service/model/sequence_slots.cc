#include "vlm_service/model/sequence_slots.h"

#include <utility>

#include "c10/util/Exception.h"

namespace glyph::vlm {

SequenceSlots::SequenceSlots(const ExecutorLimits& limits)
    : block_tokens_(limits.block_tokens), slots_(limits.max_slots), holders_(limits.num_blocks) {}

void SequenceSlots::Start(SequenceSlot slot) {
  Release(slot);
  slots_[static_cast<size_t>(slot)].emplace();
}

void SequenceSlots::Edit(const TableEdit& edit) {
  Table& blocks = at(edit.slot);
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

void SequenceSlots::Fork(SequenceSlot from, SequenceSlot to) {
  Release(to);
  slots_[static_cast<size_t>(to)] = at(from);
  Hold(at(to));
}

void SequenceSlots::Release(SequenceSlot slot) {
  std::optional<Table>& table = slots_.at(static_cast<size_t>(slot));
  if (!table.has_value()) return;
  Drop(*table);
  table.reset();
}

SequenceSlots::Table& SequenceSlots::at(SequenceSlot slot) {
  std::optional<Table>& table = slots_.at(static_cast<size_t>(slot));
  TORCH_CHECK(table.has_value(), "a plan runs a slot that was not started");
  return *table;
}

int32_t SequenceSlots::CacheRow(const Table& table, int64_t index) const {
  const auto block = static_cast<size_t>(index / block_tokens_);
  TORCH_CHECK(block < table.size(), "token ", index, " lies outside its sequence's blocks");
  return table[block] * block_tokens_ + static_cast<int32_t>(index % block_tokens_);
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
