// The part of Scheduler that decides what the next step runs.
#include <algorithm>
#include <limits>
#include <utility>

#include "proto/base/check.h"
#include "vlm_service/scheduler/scheduler.h"

namespace glyph::vlm {

StepPlan Scheduler::Plan() {
  GLYPH_CHECK(steps_.empty());
  steps_.emplace_back();
  StepPlan plan;
  PlanDecode(plan);
  PlanPrefill(plan);
  // Last: planning preempts sequences and drops pages, and the executor forgets before it works.
  plan.released_slots = std::exchange(released_slots_, {});
  plan.released_pages = pages_.cache().TakeReleased();
  if (plan.empty()) {
    steps_.clear();
    return plan;
  }
  plan.table_edits.insert(plan.table_edits.begin(), table_edits_.begin(), table_edits_.end());
  table_edits_.clear();
  return plan;
}

// Whoever has a row already is never preempted: rows go from the highest priority and the oldest
// down, and the youngest of the lowest goes first.
void Scheduler::PlanDecode(StepPlan& plan) {
  plan.decode.reserve(admitted_.all().size());
  steps_.back().decode.reserve(admitted_.all().size());
  int64_t kv_tokens = 0;
  for (size_t i = 0; i < admitted_.all().size(); ++i) {
    Sequence* const sequence = admitted_.all()[i];
    const int64_t index = sequence->num_computed;
    while (sequence->phase == Sequence::Phase::kDecode &&
           !TryMakeRoom(*sequence, index + 1, plan)) {
      Preempt(*admitted_.all().back());
    }
    if (sequence->phase != Sequence::Phase::kDecode) continue;
    GLYPH_CHECK(index + 1 == sequence->num_known());
    GLYPH_CHECK(sequence->num_outputs() < sequence->spec.max_output_tokens);
    SyncTable(*sequence, index + 1, plan);
    plan.decode.push_back(
        {.slot = sequence->slot, .kv_length = index, .position = sequence->position(0, index)});
    steps_.back().decode.push_back(sequence);
    kv_tokens += index;
  }
  steps_.back().decode_features =
      StepCost::Decode(static_cast<int64_t>(plan.decode.size()), kv_tokens);
}

void Scheduler::PlanPrefill(StepPlan& plan) {
  StepRoom room{.ms = budget_.idle_ms};
  if (!plan.decode.empty()) {
    room.ms = budget_.decode_stretch * cost_.decode.Predict(steps_.back().decode_features);
  }
  for (Sequence* sequence : InOrder(Sequence::Phase::kPrefill)) {
    ReusePrefix(*sequence);
    // Pages first: a page that this step completes can be prefilled in it.
    const size_t num_slices = plan.vision.size();
    double planned_ms = pages_.Plan(*sequence, cost_, plan, room);
    if (plan.vision.size() > num_slices) steps_.back().vision.push_back(sequence->spec.id);
    planned_ms += PlanChunk(*sequence, plan, room.ms);
    SharesOf(sequence->spec.priority).Charge(sequence->spec.id, planned_ms);
    if (room.ms <= 0 && !(plan.vision.empty() && plan.prefill.empty())) return;
  }
}

void Scheduler::ReusePrefix(Sequence& sequence) {
  if (!budget_.reuse_prefixes) return;
  sequence.NameFullBlocks(limits_.block_tokens);
  const int64_t block_tokens = limits_.block_tokens;
  // The last token of a prompt is always run: its logits are needed.
  const int64_t end = sequence.num_known() - (sequence.prompt_complete ? 1 : 0);
  while (true) {
    const auto index = static_cast<int32_t>(sequence.num_computed / block_tokens);
    const int64_t block_end = (int64_t{index} + 1) * block_tokens;
    if (block_end > end) break;
    if (!TryShareBlock(sequence, index)) break;
    sequence.num_reused += block_end - sequence.num_computed;
    counts_.reused_tokens += block_end - sequence.num_computed;
    sequence.num_computed = block_end;
  }
  pages_.DropPassed(sequence);
}

// Takes block `index`, of which the sequence may have computed a part itself, from the cache.
bool Scheduler::TryShareBlock(Sequence& sequence, int32_t index) {
  const ContentHash& name = sequence.block_names[static_cast<size_t>(index)];
  if (index < sequence.blocks.size()) {
    GLYPH_CHECK(sequence.blocks.size() == index + 1);
    if (!sequence.blocks.TryReplaceLastShared(name)) return false;
    // At once, not with the sequence's next row: its old block may be written by others before.
    if (index < sequence.num_synced_blocks) {
      table_edits_.push_back({sequence.slot, index, sequence.blocks[index]});
    }
    return true;
  }
  GLYPH_CHECK(sequence.blocks.size() == index && sequence.num_promised_blocks > 0);
  if (!sequence.blocks.TryGrowShared(name)) return false;
  --sequence.num_promised_blocks;
  --num_promised_;
  return true;
}

// Blocks for tokens [num_computed, end), none of them shared with another sequence.
bool Scheduler::TryMakeRoom(Sequence& sequence, int64_t end, StepPlan& plan) {
  const auto first = static_cast<int32_t>(sequence.num_computed / limits_.block_tokens);
  if (first < sequence.blocks.size() && sequence.blocks.IsShared(first)) {
    if (num_unpromised() < 1) return false;
    const std::optional<BlockId> old = sequence.blocks.TryReplace(first);
    GLYPH_CHECK(old.has_value());
    plan.block_copies.push_back({*old, sequence.blocks[first]});
    sequence.num_synced_blocks = std::min(sequence.num_synced_blocks, first);
  }
  while (sequence.blocks.size() < limits_.BlocksFor(end)) {
    if (sequence.num_promised_blocks > 0) {
      --sequence.num_promised_blocks;
      --num_promised_;
    } else if (num_unpromised() < 1) {
      return false;
    }
    const bool grown = sequence.blocks.TryGrow();
    GLYPH_CHECK(grown);
  }
  return true;
}

void Scheduler::SyncTable(Sequence& sequence, int64_t end, StepPlan& plan) {
  const int32_t num_blocks = limits_.BlocksFor(end);
  for (int32_t& index = sequence.num_synced_blocks; index < num_blocks; ++index) {
    plan.table_edits.push_back({sequence.slot, index, sequence.blocks[index]});
  }
}

// A chunk costs something however short it is: one of less than a block waits for a step that has
// nothing else to do, and even then has a quarter of a block.
int64_t Scheduler::ChunkTokens(const Sequence& sequence, bool forced, double budget_ms) const {
  const int64_t first = sequence.num_computed;
  int64_t count = std::min(pages_.PrefillEnd(sequence) - first, budget_.max_chunk_tokens);
  if (count <= 0) return 0;
  const int64_t least =
      std::min<int64_t>(count, forced ? limits_.block_tokens / 4 : limits_.block_tokens);
  while (cost_.prefill.Predict(StepCost::Prefill(count, first)) > budget_ms) {
    if (count == least) return forced ? least : 0;
    count = std::max(least, count - std::max<int64_t>(1, count / 8));
  }
  const bool cut = first + count < pages_.PrefillEnd(sequence);
  return cut && count > limits_.chunk_step ? count - count % limits_.chunk_step : count;
}

PrefillChunk Scheduler::MakeChunk(const Sequence& sequence, int64_t end) const {
  const int64_t first = sequence.num_computed;
  const auto at = [&](int64_t index) { return sequence.ids.begin() + index; };
  PrefillChunk chunk;
  chunk.slot = sequence.slot;
  chunk.first = first;
  chunk.reused_ids.assign(at(sequence.num_observed), at(first));
  chunk.ids.assign(at(first), at(end));
  if (sequence.prompt_complete) {
    const int64_t observed = end - sequence.num_observed;
    chunk.num_output_ids = std::clamp<int64_t>(end - sequence.num_prompt_tokens, 0, observed);
  }
  chunk.positions.reserve(3 * chunk.ids.size());
  for (int axis = 0; axis < 3; ++axis) {
    for (int64_t i = first; i < end; ++i) chunk.positions.push_back(sequence.position(axis, i));
  }
  for (const SequencePage& page : sequence.pages) {
    const int64_t begin = std::max(first, page.first_token);
    const int64_t stop = std::min(end, page.end_token());
    if (begin >= stop) continue;
    chunk.pages.push_back({*page.held, begin - page.first_token, begin - first, stop - begin});
  }
  return chunk;
}

double Scheduler::PlanChunk(Sequence& sequence, StepPlan& plan, double& budget_ms) {
  const int64_t first = sequence.num_computed;
  // Another sequence computes the same block in this step: share it in the next one.
  const auto next_block = static_cast<size_t>(first / limits_.block_tokens);
  if (next_block < sequence.block_names.size() &&
      steps_.back().blocks.contains(sequence.block_names[next_block])) {
    return 0;
  }
  // Rather than a few tokens now, the whole block later, perhaps from the cache.
  if (sequence.AwaitsBlock(limits_.block_tokens) && !PagePipeline::NeedsRoom(sequence)) return 0;
  const bool forced = plan.vision.empty() && plan.prefill.empty();
  const int64_t count = ChunkTokens(sequence, forced, budget_ms);
  if (count == 0) return 0;
  const int64_t end = first + count;
  if (!TryMakeRoom(sequence, end, plan)) return 0;
  if (!std::exchange(sequence.slot_started, true)) {
    plan.started_slots.push_back({sequence.slot, sequence.spec.sampling});
  }
  SyncTable(sequence, end, plan);
  const bool samples = sequence.prompt_complete && end == sequence.num_known();
  PrefillChunk chunk = MakeChunk(sequence, end);
  chunk.samples = samples;
  plan.prefill.push_back(std::move(chunk));
  if (samples) {
    for (size_t i = 0; i < sequence.spec.forks.size(); ++i) {
      plan.forks.push_back(
          {sequence.slot, sequence.fork_slots[i], sequence.spec.forks[i].sampling});
    }
  }
  steps_.back().chunks.push_back({sequence.spec.id, count, samples});
  for (size_t block = next_block; block < static_cast<size_t>(end / limits_.block_tokens) &&
                                  block < sequence.block_names.size();
       ++block) {
    steps_.back().blocks.insert(sequence.block_names[block]);
  }
  const auto features = StepCost::Prefill(count, first);
  for (size_t i = 0; i < features.size(); ++i) steps_.back().prefill_features[i] += features[i];
  const double planned_ms = cost_.prefill.Predict(features);
  budget_ms -= planned_ms;
  return planned_ms;
}

}  // namespace glyph::vlm
