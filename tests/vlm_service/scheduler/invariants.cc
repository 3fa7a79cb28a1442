#include "tests/vlm_service/scheduler/invariants.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

void ExpectBlocksCounted(const Scheduler& scheduler, const std::set<SequenceId>& open) {
  std::map<BlockId, int32_t> holders;
  int32_t num_promised = 0;
  for (const SequenceId id : open) {
    const Sequence& sequence = scheduler.Get(id);
    for (const BlockId block : sequence.blocks.blocks()) ++holders[block];
    num_promised += sequence.num_promised_blocks;
    if (sequence.phase != Sequence::Phase::kWaiting) continue;
    ASSERT_EQ(sequence.blocks.size(), 0);
    ASSERT_EQ(sequence.num_promised_blocks, 0);
  }
  const BlockPool& pool = scheduler.pool();
  ASSERT_EQ(pool.num_used(), static_cast<int32_t>(holders.size()));
  for (const auto& [block, count] : holders) ASSERT_EQ(pool.num_holders(block), count);
  ASSERT_EQ(scheduler.num_promised_blocks(), num_promised);
  ASSERT_LE(num_promised, pool.num_free() + pool.num_cached());
}

void ExpectPagesCounted(const Scheduler& scheduler, const std::set<SequenceId>& open,
                        const ExecutorLimits& limits) {
  std::map<PageId, int32_t> holders;
  for (const SequenceId id : open) {
    for (const SequencePage& page : scheduler.Get(id).pages) {
      if (page.held) ++holders[*page.held];
    }
  }
  int64_t num_tokens = 0;
  for (const auto& [id, count] : holders) {
    ASSERT_EQ(scheduler.vision().Get(id).num_holders, count);
    num_tokens += scheduler.vision().Get(id).grid.num_tokens();
  }
  ASSERT_EQ(scheduler.vision().num_held_tokens(), num_tokens);
  ASSERT_LE(num_tokens, scheduler.vision().num_tokens());
  ASSERT_LE(scheduler.vision().num_tokens(), limits.max_vision_tokens);
}

void ExpectSlotsCounted(const Scheduler& scheduler, const std::set<SequenceId>& open,
                        const ExecutorLimits& limits) {
  std::set<SequenceSlot> slots;
  int32_t num_waiting = 0;
  size_t num_taken = 0;
  for (const SequenceId id : open) {
    const Sequence& sequence = scheduler.Get(id);
    const bool waits = sequence.phase == Sequence::Phase::kWaiting;
    num_waiting += waits ? 1 : 0;
    if (waits) {
      ASSERT_TRUE(sequence.fork_slots.empty() && !sequence.slot_started);
      continue;
    }
    num_taken += 1 + sequence.fork_slots.size();
    slots.insert(sequence.slot);
    slots.insert(sequence.fork_slots.begin(), sequence.fork_slots.end());
  }
  ASSERT_EQ(slots.size(), num_taken);
  ASSERT_EQ(scheduler.num_free_slots() + static_cast<int32_t>(num_taken), limits.max_slots);
  ASSERT_EQ(scheduler.num_waiting(), num_waiting);
  ASSERT_EQ(scheduler.num_admitted() + num_waiting, static_cast<int32_t>(open.size()));
}

// Its client must send something before it can go on.
bool AwaitsClient(const Sequence& sequence) {
  if (sequence.prompt_complete) return false;
  for (const SequencePage& page : sequence.pages) {
    if (sequence.num_computed >= page.end_token()) continue;
    return page.offer != SequencePage::Offer::kHave && page.image == nullptr &&
           sequence.num_computed >= page.first_token;
  }
  return sequence.num_computed == sequence.num_known();
}

// Differs when the sequence got anything done.
int64_t Fingerprint(const Scheduler& scheduler, const Sequence& sequence) {
  int64_t units = 0;
  for (const SequencePage& page : sequence.pages) {
    if (page.held) units += 1 + scheduler.vision().Get(*page.held).num_units_done;
  }
  return ((sequence.num_known() * 1000 + sequence.num_computed) * 1000 + units) * 3 +
         static_cast<int64_t>(sequence.phase);
}

}  // namespace

void ExpectConsistent(const Scheduler& scheduler, const std::set<SequenceId>& open,
                      const ExecutorLimits& limits) {
  ExpectBlocksCounted(scheduler, open);
  ExpectPagesCounted(scheduler, open, limits);
  ExpectSlotsCounted(scheduler, open, limits);
}

void PatienceChecker::Observe(const Scheduler& scheduler, const std::set<SequenceId>& open) {
  ++step_;
  int32_t highest = INT32_MIN;
  for (const SequenceId id : open) highest = std::max(highest, scheduler.Get(id).spec.priority);
  std::erase_if(watches_, [&](const auto& entry) { return !open.contains(entry.first); });
  for (const SequenceId id : open) {
    const Sequence& sequence = scheduler.Get(id);
    const int64_t fingerprint = Fingerprint(scheduler, sequence);
    const bool excused = sequence.spec.priority < highest || AwaitsClient(sequence);
    Watch& watch = watches_.try_emplace(id, Watch{fingerprint, step_}).first->second;
    if (excused || watch.fingerprint != fingerprint) watch = {fingerprint, step_};
    longest_ = std::max(longest_, step_ - watch.since);
    ASSERT_LE(step_ - watch.since, patience_) << "sequence " << static_cast<int64_t>(id);
  }
}

}  // namespace glyph::vlm
