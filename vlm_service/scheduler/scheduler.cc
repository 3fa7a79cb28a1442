#include "vlm_service/scheduler/scheduler.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "proto/base/check.h"

namespace glyph::vlm {
namespace {

bool IsReadyForPrefill(const Sequence& sequence) {
  return sequence.phase == Sequence::Phase::kReceiving && sequence.prompt != nullptr &&
         std::none_of(sequence.pages.begin(), sequence.pages.end(), [](const SequencePage& page) {
           return page.state == SequencePage::State::kPending;
         });
}

PrefillWork MakePrefill(const Sequence& sequence) {
  PrefillWork work;
  work.slot = sequence.slot;
  work.prompt = sequence.prompt;
  work.blocks = sequence.blocks.blocks();
  work.sampling = sequence.spec.sampling;
  for (const SequencePage& page : sequence.pages) work.pages.push_back(page.id);
  return work;
}

}  // namespace

Scheduler::Scheduler(const SchedulerLimits& limits, const StepBudget& budget)
    : limits_(limits), budget_(budget), pool_(limits.num_blocks) {
  GLYPH_CHECK(limits.block_tokens > 0 && limits.num_slots > 0);
  for (int32_t slot = limits.num_slots - 1; slot >= 0; --slot) {
    free_slots_.push_back(SequenceSlot{slot});
  }
}

void Scheduler::Enqueue(const SequenceSpec& spec) {
  GLYPH_CHECK(sequences_.empty() || sequences_.rbegin()->first < spec.id);
  GLYPH_CHECK(spec.max_output_tokens >= 1 && CheckFits(spec, limits_).ok());
  sequences_[spec.id].spec = spec;
  waiting_.push_back(spec.id);
}

std::vector<Admission> Scheduler::Admit() {
  GLYPH_CHECK(!in_flight_);
  std::vector<Admission> admitted;
  while (!waiting_.empty()) {
    Sequence& sequence = Get(waiting_.front());
    if (!TryAdmit(sequence)) break;
    waiting_.pop_front();
    admitted.push_back({sequence.spec.id, int64_t{sequence.blocks.size()} * limits_.block_tokens});
  }
  return admitted;
}

bool Scheduler::TryAdmit(Sequence& sequence) {
  const SequenceSpec& spec = sequence.spec;
  if (free_slots_.empty()) return false;
  if (vision_reserved_ + spec.max_visual_tokens > limits_.vision_tokens) return false;
  const int64_t blocks = BlocksFor(spec.max_prompt_tokens + spec.max_output_tokens, limits_);
  auto table = BlockTable::TryAllocate(pool_, static_cast<int32_t>(blocks));
  if (!table) return false;
  sequence.blocks = *std::move(table);
  sequence.slot = free_slots_.back();
  free_slots_.pop_back();
  sequence.vision_reserved = spec.max_visual_tokens;
  vision_reserved_ += sequence.vision_reserved;
  sequence.phase = Sequence::Phase::kReceiving;
  return true;
}

void Scheduler::AddPage(SequenceId id, std::shared_ptr<const PageImage> image, PageGrid grid) {
  GLYPH_CHECK(!in_flight_);
  Sequence& sequence = Get(id);
  GLYPH_CHECK(sequence.phase == Sequence::Phase::kReceiving && sequence.prompt == nullptr);
  int64_t tokens = grid.num_tokens();
  for (const SequencePage& page : sequence.pages) tokens += page.grid.num_tokens();
  GLYPH_CHECK(tokens <= sequence.vision_reserved);
  SequencePage page;
  page.id = PageId{next_page_id_++};
  page.image = std::move(image);
  page.grid = grid;
  sequence.pages.push_back(std::move(page));
}

void Scheduler::FinishPrompt(SequenceId id, std::shared_ptr<const Prompt> prompt) {
  GLYPH_CHECK(!in_flight_);
  Sequence& sequence = Get(id);
  SequenceSpec& spec = sequence.spec;
  GLYPH_CHECK(sequence.prompt == nullptr && prompt->pages.size() == sequence.pages.size());
  const auto num_tokens = static_cast<int64_t>(prompt->ids.size());
  GLYPH_CHECK(num_tokens > 0 && num_tokens <= spec.max_prompt_tokens);
  int64_t visual_tokens = 0;
  for (const PromptPage& page : prompt->pages) visual_tokens += page.grid.num_tokens();
  spec.max_prompt_tokens = num_tokens;
  spec.max_visual_tokens = visual_tokens;
  sequence.prompt = std::move(prompt);
  if (sequence.phase == Sequence::Phase::kWaiting) return;
  vision_reserved_ -= sequence.vision_reserved - visual_tokens;
  sequence.vision_reserved = visual_tokens;
  const int64_t blocks = BlocksFor(num_tokens + spec.max_output_tokens, limits_);
  sequence.blocks.ShrinkTo(static_cast<int32_t>(blocks));
}

void Scheduler::Finish(SequenceId id) {
  GLYPH_CHECK(!in_flight_);
  Sequence& sequence = Get(id);
  if (sequence.phase == Sequence::Phase::kWaiting) {
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), id));
  } else {
    ReleaseVision(sequence);
    if (sequence.slot_used) released_slots_.push_back(sequence.slot);
    free_slots_.push_back(sequence.slot);
  }
  sequences_.erase(id);
}

void Scheduler::ReleaseVision(Sequence& sequence) {
  for (const SequencePage& page : sequence.pages) {
    if (page.state == SequencePage::State::kEncoded) released_pages_.push_back(page.id);
  }
  sequence.pages.clear();
  vision_reserved_ -= std::exchange(sequence.vision_reserved, 0);
}

StepPlan Scheduler::Plan() {
  GLYPH_CHECK(!in_flight_);
  StepPlan plan;
  plan.released_slots = std::exchange(released_slots_, {});
  plan.released_pages = std::exchange(released_pages_, {});
  PlanVision(plan);
  PlanPrefill(plan);
  PlanDecode(plan);
  in_flight_ = !plan.empty();
  return plan;
}

void Scheduler::PlanVision(StepPlan& plan) {
  int64_t tokens = 0;
  for (auto& [id, sequence] : sequences_) {
    for (size_t i = 0; i < sequence.pages.size(); ++i) {
      SequencePage& page = sequence.pages[i];
      if (page.state != SequencePage::State::kPending) continue;
      tokens += page.grid.num_tokens();
      if (!plan.vision.empty() && tokens > budget_.vision_tokens) return;
      page.state = SequencePage::State::kInStep;
      plan.vision.push_back({page.id, std::move(page.image), page.grid});
      step_.encoded.push_back({id, static_cast<int32_t>(i), page.grid.num_tokens()});
    }
  }
}

void Scheduler::PlanPrefill(StepPlan& plan) {
  for (auto& [id, sequence] : sequences_) {
    if (!IsReadyForPrefill(sequence)) continue;
    const auto tokens = static_cast<int64_t>(sequence.prompt->ids.size());
    if (!plan.prefill.empty() && step_.prefilled_tokens + tokens > budget_.prefill_tokens) return;
    sequence.slot_used = true;
    plan.prefill.push_back(MakePrefill(sequence));
    step_.rows.push_back(id);
    step_.prefilled_tokens += tokens;
  }
}

void Scheduler::PlanDecode(StepPlan& plan) {
  for (const auto& [id, sequence] : sequences_) {
    if (sequence.phase != Sequence::Phase::kRunning) continue;
    GLYPH_CHECK(sequence.num_output_tokens < sequence.spec.max_output_tokens);
    // The last output token is not in the cache yet: this row writes it.
    const int64_t decoded = sequence.num_output_tokens - 1;
    plan.decode.push_back(
        {.slot = sequence.slot,
         .kv_length = static_cast<int64_t>(sequence.prompt->ids.size()) + decoded,
         .position = sequence.prompt->next_position + static_cast<int32_t>(decoded)});
    step_.rows.push_back(id);
  }
}

CommittedStep Scheduler::Commit() {
  GLYPH_CHECK(in_flight_);
  in_flight_ = false;
  for (const CommittedStep::Page& page : step_.encoded) {
    Get(page.sequence).pages[static_cast<size_t>(page.index)].state = SequencePage::State::kEncoded;
  }
  for (const SequenceId id : step_.rows) {
    Sequence& sequence = Get(id);
    ++sequence.num_output_tokens;
    if (sequence.phase == Sequence::Phase::kReceiving) {
      sequence.phase = Sequence::Phase::kRunning;
      ReleaseVision(sequence);
    }
  }
  return std::exchange(step_, {});
}

Sequence& Scheduler::Get(SequenceId id) {
  const auto found = sequences_.find(id);
  GLYPH_CHECK(found != sequences_.end());
  return found->second;
}

}  // namespace glyph::vlm
