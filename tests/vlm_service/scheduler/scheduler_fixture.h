#pragma once
#include <cstdint>
#include <numeric>
#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_prompt.h"
#include "vlm_service/scheduler/scheduler.h"

namespace glyph::vlm {

inline constexpr FakePage kPage = {1, {2, 5}};  // 10 tokens
inline constexpr FakePage kOther = {2, {2, 5}};

inline constexpr ExecutorLimits kLimits = {.num_blocks = 10,
                                           .block_tokens = 16,
                                           .max_slots = 4,
                                           .max_vision_tokens = 60,
                                           .context_tokens = 1000};

inline SequenceId Id(int64_t id) { return SequenceId{id}; }

inline SequenceSpec Spec(int64_t id, int64_t prompt, int64_t output) {
  SequenceSpec spec;
  spec.id = Id(id);
  spec.max_prompt_tokens = prompt;
  spec.max_output_tokens = output;
  return spec;
}

// `count` different ids; the first of them are the same for all.
inline std::vector<int32_t> Words(int64_t count) {
  std::vector<int32_t> ids(static_cast<size_t>(count));
  std::iota(ids.begin(), ids.end(), 100);
  return ids;
}

// A scheduler whose steps take a millisecond for each slice, chunk and row.
class SchedulerFixture : public testing::Test {
 protected:
  void Restart(const StepBudget& budget, const ExecutorLimits& limits = kLimits) {
    scheduler_.emplace(limits, budget);
  }

  void EnqueueText(SequenceSpec spec, const std::vector<int32_t>& ids) {
    const SequenceId id = spec.id;
    scheduler_->Enqueue(std::move(spec));
    scheduler_->FinishPrompt(id, FakeText(ids));
  }
  void EnqueueText(int64_t id, int64_t prompt, int64_t output) {
    EnqueueText(Spec(id, prompt, output), Words(prompt));
  }

  // Steps until its pages are encoded and its prompt has begun.
  void EnqueueDocument(SequenceSpec spec, const std::vector<FakePage>& pages,
                       const std::vector<int32_t>& text) {
    const SequenceId id = spec.id;
    scheduler_->Enqueue(std::move(spec));
    FakePromptStream stream;
    for (const FakePage& page : pages) {
      scheduler_->OfferPage(id, page.Name(), stream.Page({1}, page.grid));
      scheduler_->Admit();
      scheduler_->TakeNotices();
      if (!scheduler_->Get(id).pages.back().held) scheduler_->AddPage(id, page.Image());
    }
    scheduler_->FinishPrompt(id, stream.Text(text));
    Step();
    scheduler_->TakeNotices();
  }

  std::vector<SequenceId> Admitted() {
    scheduler_->Admit();
    std::vector<SequenceId> ids;
    for (const auto& admission : scheduler_->TakeNotices().admissions) ids.push_back(admission.id);
    return ids;
  }

  // What the oldest step in flight did, every row `token`; the rows of sequences that go on.
  std::vector<SequenceId> Commit(const StepPlan& plan, int32_t token = 7) {
    StepResult result;
    size_t num_rows = plan.forks.size() + plan.decode.size();
    for (const PrefillChunk& chunk : plan.prefill) num_rows += chunk.samples ? 1 : 0;
    result.tokens.resize(num_rows);
    for (SampledToken& sampled : result.tokens) sampled.token = token;
    result.vision_ms = static_cast<double>(plan.vision.size());
    result.prefill_ms = static_cast<double>(plan.prefill.size());
    result.decode_ms = static_cast<double>(plan.decode.size());
    std::vector<SequenceId> rows;
    for (const std::optional<SequenceId> row : scheduler_->Commit(result).rows) {
      if (row.has_value()) rows.push_back(*row);
    }
    return rows;
  }
  StepPlan Step() {
    scheduler_->Admit();
    StepPlan plan = scheduler_->Plan();
    if (!plan.empty()) Commit(plan);
    return plan;
  }

  std::optional<Scheduler> scheduler_{std::in_place, kLimits, StepBudget{}};
};

}  // namespace glyph::vlm
