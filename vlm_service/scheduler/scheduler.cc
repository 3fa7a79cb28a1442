#include "vlm_service/scheduler/scheduler.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "proto/base/check.h"

namespace glyph::vlm {

Scheduler::Scheduler(const ExecutorLimits& limits, const StepBudget& budget)
    : limits_(limits), budget_(budget), pool_(limits.num_blocks), pages_(limits) {
  GLYPH_CHECK(limits.block_tokens > 0 && limits.max_slots > 0);
  for (int32_t slot = limits.max_slots - 1; slot >= 0; --slot) {
    free_slots_.push_back(SequenceSlot{slot});
  }
}

void Scheduler::Enqueue(SequenceSpec spec) {
  GLYPH_CHECK(sequences_.empty() || sequences_.rbegin()->first < spec.id);
  GLYPH_CHECK(spec.max_output_tokens >= 1 && CheckFits(spec, limits_).ok());
  const auto num_forced = static_cast<int64_t>(spec.forced_output_ids.size());
  GLYPH_CHECK(num_forced < spec.max_output_tokens && (num_forced == 0 || spec.forks.empty()));
  SharesOf(spec.priority).Join(spec.id, spec.tenant);
  const SequenceId id = spec.id;
  waiting_.Add(sequences_.emplace(id, std::move(spec)).first->second);
}

std::vector<Sequence*> Scheduler::InOrder(Sequence::Phase phase) {
  using Rank = std::tuple<int64_t, FairShare::Place, SequenceId>;
  std::vector<std::pair<Rank, Sequence*>> ranked;
  const SequenceOrder& from = phase == Sequence::Phase::kWaiting ? waiting_ : admitted_;
  for (Sequence* sequence : from.all()) {
    if (sequence->phase != phase) continue;
    const SequenceId id = sequence->spec.id;
    const int32_t priority = sequence->spec.priority;
    ranked.push_back({Rank(-int64_t{priority}, SharesOf(priority).Rank(id), id), sequence});
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<Sequence*> order;
  order.reserve(ranked.size());
  for (const auto& [rank, sequence] : ranked) order.push_back(sequence);
  return order;
}

void Scheduler::Admit() {
  GLYPH_CHECK(steps_.empty());
  if (free_slots_.empty()) return;
  for (Sequence* sequence : InOrder(Sequence::Phase::kWaiting)) {
    if (!TryAdmit(*sequence)) return;
  }
}

bool Scheduler::TryAdmit(Sequence& sequence) {
  const SequenceSpec& spec = sequence.spec;
  const size_t num_slots = 1 + spec.forks.size();
  if (free_slots_.size() < num_slots) return false;
  const int64_t tokens =
      sequence.prompt_complete
          ? sequence.num_known()
          : spec.max_prompt_tokens + static_cast<int64_t>(spec.forced_output_ids.size());
  // Room for one more block of everyone who runs, so that it need not be preempted at once.
  const int32_t num_blocks = limits_.BlocksFor(tokens);
  if (num_unpromised() < std::min(num_blocks + num_admitted(), limits_.num_blocks)) return false;
  Promise(sequence, tokens);
  const auto take_slot = [this] {
    const SequenceSlot slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
  };
  sequence.slot = take_slot();
  for (size_t i = 1; i < num_slots; ++i) sequence.fork_slots.push_back(take_slot());
  sequence.blocks = *BlockTable::TryAllocate(pool_, 0);
  const bool again = std::exchange(sequence.was_admitted, true);
  sequence.phase = Sequence::Phase::kPrefill;
  waiting_.Remove(sequence);
  admitted_.Add(sequence);
  notices_.admissions.push_back({spec.id, int64_t{num_blocks} * limits_.block_tokens, again});
  return true;
}

void Scheduler::Promise(Sequence& sequence, int64_t tokens) {
  const int32_t promised = std::max(0, limits_.BlocksFor(tokens) - sequence.blocks.size());
  num_promised_ += promised - std::exchange(sequence.num_promised_blocks, promised);
}

void Scheduler::OfferPage(SequenceId id, const ContentHash& name, const Prompt& fragment) {
  GLYPH_CHECK(IsOpen());
  Sequence& sequence = Find(id);
  GLYPH_CHECK(fragment.pages.size() == 1);
  sequence.AppendPrompt(fragment);
  GLYPH_CHECK(sequence.num_known() <= sequence.spec.max_prompt_tokens);
  SequencePage& page = sequence.pages.back();
  GLYPH_CHECK(page.grid.num_tokens() <= limits_.max_page_tokens());
  page.name = name;
  if (!budget_.reuse_prefixes) {  // a name of its own
    page.name.words = {static_cast<uint64_t>(id), sequence.pages.size()};
  }
}

void Scheduler::AddPage(SequenceId id, std::shared_ptr<const PageImage> image) {
  GLYPH_CHECK(IsOpen());
  PagePipeline::AddImage(Find(id), std::move(image));
}

void Scheduler::FinishPrompt(SequenceId id, const Prompt& fragment) {
  GLYPH_CHECK(IsOpen() && fragment.pages.empty() && !fragment.ids.empty());
  Sequence& sequence = Find(id);
  sequence.AppendPrompt(fragment);
  GLYPH_CHECK(sequence.num_known() <= sequence.spec.max_prompt_tokens);
  sequence.spec.max_prompt_tokens = sequence.num_known();
  sequence.prompt_complete = true;
  for (const int32_t token : sequence.spec.forced_output_ids) sequence.AppendOutput(token);
  if (sequence.phase != Sequence::Phase::kWaiting) Promise(sequence, sequence.num_known());
}

void Scheduler::Poison(SequenceId id) {
  const Sequence& sequence = Find(id);
  for (const BlockId block : sequence.blocks.blocks()) pool_.Forget(block);
  for (const SequencePage& page : sequence.pages) pages_.cache().Forget(page.name);
}

void Scheduler::Finish(SequenceId id) {
  GLYPH_CHECK(IsOpen());
  Sequence& sequence = Find(id);
  pages_.DropAll(sequence, /*keep_haves=*/false);
  const bool waits = sequence.phase == Sequence::Phase::kWaiting;
  if (!waits && !TryOutlive(sequence)) Release(sequence);
  (waits ? waiting_ : admitted_).Remove(sequence);
  if (sequence.phase != Sequence::Phase::kDecode) SharesOf(sequence.spec.priority).Leave(id);
  sequences_.erase(id);
}

// Everything a slot stands for.
void Scheduler::Release(Sequence& sequence) {
  if (std::exchange(sequence.slot_started, false)) released_slots_.push_back(sequence.slot);
  std::erase_if(table_edits_, [&](const TableEdit& edit) { return edit.slot == sequence.slot; });
  free_slots_.push_back(sequence.slot);
  free_slots_.insert(free_slots_.end(), sequence.fork_slots.begin(), sequence.fork_slots.end());
  sequence.fork_slots.clear();
  num_promised_ -= std::exchange(sequence.num_promised_blocks, 0);
  sequence.blocks.ShrinkTo(0);
}

void Scheduler::Preempt(Sequence& sequence) {
  ++counts_.preemptions;
  pages_.DropAll(sequence, /*keep_haves=*/true);
  Release(sequence);
  sequence.num_synced_blocks = 0;
  sequence.num_computed = 0;
  sequence.num_observed = 0;
  sequence.num_reused = 0;
  if (sequence.phase == Sequence::Phase::kDecode) {
    SharesOf(sequence.spec.priority).Join(sequence.spec.id, sequence.spec.tenant);
  }
  sequence.phase = Sequence::Phase::kWaiting;
  admitted_.Remove(sequence);
  waiting_.Add(sequence);
}

SchedulerNotices Scheduler::TakeNotices() {
  for (Sequence* sequence : admitted_.all()) {
    pages_.Announce(*sequence, notices_, counts_);
    pages_.DecideOffers(*sequence, notices_);
  }
  return std::exchange(notices_, {});
}

int32_t Scheduler::num_preempted() const {
  return static_cast<int32_t>(
      std::count_if(waiting_.all().begin(), waiting_.all().end(),
                    [](const Sequence* sequence) { return sequence->was_admitted; }));
}

void Scheduler::CheckIdle() const {
  pool_.CheckIntegrity();
  GLYPH_CHECK(waiting_.all().size() + admitted_.all().size() == sequences_.size());
  if (!sequences_.empty() || !steps_.empty()) return;
  GLYPH_CHECK(pool_.num_used() == 0 && num_promised_ == 0);
  GLYPH_CHECK(num_free_slots() == limits_.max_slots);
  GLYPH_CHECK(pages_.cache().num_held_tokens() == 0 && pages_.num_have_tokens() == 0);
}

FairShare& Scheduler::SharesOf(int32_t priority) {
  return shares_.try_emplace(priority, budget_.quantum_ms).first->second;
}

Sequence& Scheduler::Find(SequenceId id) {
  const auto found = sequences_.find(id);
  GLYPH_CHECK(found != sequences_.end());
  return found->second;
}

}  // namespace glyph::vlm
