#include "tests/fakes/fake_step_executor.h"

#include <utility>

#include "proto/base/check.h"

namespace glyph::vlm {

FakeStepExecutor::FakeStepExecutor(const ExecutorLimits& limits, FakeModel model,
                                   FakeStepTimes times)
    : limits_(limits), times_(times), device_(limits, std::move(model)) {}

void FakeStepExecutor::Submit(StepPlan plan) {
  base::MutexLock lock(mutex_);
  GLYPH_CHECK(!plan.empty());
  GLYPH_CHECK(static_cast<int32_t>(results_.size()) < limits_.max_steps_in_flight);
  GLYPH_CHECK(results_.empty() || (plan.vision.empty() && plan.prefill.empty()));
  const bool lost = !results_.empty() && !results_.back().ok();
  const absl::Status status = std::exchange(next_status_, absl::OkStatus());
  if (lost) {
    results_.push_back(StepResult());
  } else if (status.ok()) {
    results_.push_back(Run(plan));
  } else {
    device_.Fail(plan, fail_at_the_end_);
    results_.push_back(status);
  }
  changed_.NotifyAll();
}

absl::StatusOr<StepResult> FakeStepExecutor::Collect() {
  base::MutexLock lock(mutex_);
  GLYPH_CHECK(!results_.empty());
  while (pause_) {
    paused_ = true;
    changed_.NotifyAll();
    changed_.Wait(mutex_);
  }
  paused_ = false;
  absl::StatusOr<StepResult> result = std::move(results_.front());
  results_.pop_front();
  if (result.ok()) ++num_steps_;
  changed_.NotifyAll();
  return result;
}

StepResult FakeStepExecutor::Run(const StepPlan& plan) {
  StepResult result;
  result.tokens = device_.Run(plan);
  for (const VisionSlice& slice : plan.vision) {
    result.vision_ms += times_.vision_unit_ms * slice.num_units;
  }
  for (const PrefillChunk& chunk : plan.prefill) {
    result.prefill_ms += times_.prefill_token_ms * static_cast<double>(chunk.ids.size());
  }
  if (!plan.decode.empty()) {
    result.decode_ms =
        times_.decode_ms + times_.decode_row_ms * static_cast<double>(plan.decode.size());
  }
  return result;
}

std::vector<ComponentMemory> FakeStepExecutor::memory() const {
  base::MutexLock lock(mutex_);
  return {{"host", "weights", 1000, 1000},
          {"host", "kv", limits_.pool_tokens(), 0},
          {"host", "vision", limits_.max_vision_tokens, device_.page_tokens()}};
}

void FakeStepExecutor::Pause() {
  base::MutexLock lock(mutex_);
  pause_ = true;
}

void FakeStepExecutor::Resume() {
  base::MutexLock lock(mutex_);
  pause_ = false;
  changed_.NotifyAll();
}

void FakeStepExecutor::AwaitPaused() {
  base::MutexLock lock(mutex_);
  while (!paused_) changed_.Wait(mutex_);
}

void FakeStepExecutor::AwaitSteps(int64_t count) {
  base::MutexLock lock(mutex_);
  while (num_steps_ < count) changed_.Wait(mutex_);
}

void FakeStepExecutor::AwaitNoSlots() {
  base::MutexLock lock(mutex_);
  while (device_.num_slots() > 0) changed_.Wait(mutex_);
}

void FakeStepExecutor::FailNextStep(absl::Status status, bool at_the_end) {
  base::MutexLock lock(mutex_);
  next_status_ = std::move(status);
  fail_at_the_end_ = at_the_end;
}

void FakeStepExecutor::SpoilNextChunk() {
  base::MutexLock lock(mutex_);
  device_.SpoilNextChunk();
}

void FakeStepExecutor::SpoilNextPage() {
  base::MutexLock lock(mutex_);
  device_.SpoilNextPage();
}

bool FakeStepExecutor::Scramble(BlockId block) {
  base::MutexLock lock(mutex_);
  return device_.Scramble(block);
}

int64_t FakeStepExecutor::num_steps() const {
  base::MutexLock lock(mutex_);
  return num_steps_;
}

int64_t FakeStepExecutor::num_pages_begun() const {
  base::MutexLock lock(mutex_);
  return device_.num_pages_begun();
}

int64_t FakeStepExecutor::num_used_slots() const {
  base::MutexLock lock(mutex_);
  return device_.num_slots();
}

int64_t FakeStepExecutor::num_held_pages() const {
  base::MutexLock lock(mutex_);
  return device_.num_pages();
}

}  // namespace glyph::vlm
