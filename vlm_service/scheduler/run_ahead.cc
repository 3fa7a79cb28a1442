// The part of Scheduler that plans a step while the one before it is in flight.
#include <algorithm>
#include <utility>

#include "proto/base/check.h"
#include "vlm_service/scheduler/scheduler.h"

namespace glyph::vlm {

bool Scheduler::CanRunAhead() const {
  if (steps_.empty() || num_in_flight() >= limits_.max_steps_in_flight) return false;
  if (!steps_.back().OnlyDecodes()) return false;
  if (!waiting_.all().empty() && !free_slots_.empty()) return false;
  return std::none_of(admitted_.all().begin(), admitted_.all().end(), [](const Sequence* sequence) {
    return sequence->phase == Sequence::Phase::kPrefill ||
           sequence->spec.sampling.num_logprobs.value_or(0) > 0;
  });
}

StepPlan Scheduler::PlanAhead() {
  StepPlan plan;
  if (!CanRunAhead()) return plan;
  StepInFlight step;
  int64_t kv_tokens = 0;
  for (Sequence* sequence : steps_.back().decode) {
    if (sequence == nullptr) continue;
    if (sequence->num_outputs() + 1 == sequence->spec.max_output_tokens) continue;
    // What a row got before another found nothing stays with its sequence.
    if (!TryMakeRoom(*sequence, sequence->num_computed + 2, plan)) return {};
    kv_tokens += sequence->num_computed + 1;
    step.decode.push_back(sequence);
  }
  GLYPH_CHECK(plan.block_copies.empty());  // the step in flight writes to that block already
  if (step.decode.empty()) return plan;
  for (Sequence* sequence : step.decode) {
    const int64_t index = sequence->num_computed + 1;
    SyncTable(*sequence, index + 1, plan);
    plan.decode.push_back(
        {.slot = sequence->slot, .kv_length = index, .position = sequence->position(0, index)});
  }
  plan.released_slots = std::exchange(released_slots_, {});  // their blocks may be rows' by now
  step.decode_features = StepCost::Decode(static_cast<int64_t>(plan.decode.size()), kv_tokens);
  steps_.push_back(std::move(step));
  return plan;
}

// A sequence with a row in flight leaves its slot and blocks to that row. False: it has none.
bool Scheduler::TryOutlive(Sequence& sequence) {
  if (steps_.empty()) return false;
  StepInFlight& step = steps_.front();
  const auto row = std::find(step.decode.begin(), step.decode.end(), &sequence);
  if (row == step.decode.end()) return false;
  *row = nullptr;
  step.ended.push_back({sequence.slot, std::move(sequence.blocks)});
  return true;
}

void Scheduler::FreeEnded(StepInFlight& step) {
  for (const EndedRow& ended : step.ended) {
    released_slots_.push_back(ended.slot);
    free_slots_.push_back(ended.slot);
  }
  step.ended.clear();
}

}  // namespace glyph::vlm
