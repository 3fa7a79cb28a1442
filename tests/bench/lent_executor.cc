#include "tests/bench/lent_executor.h"

#include <algorithm>
#include <utility>

#include "proto/base/check.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

std::vector<SequenceSlot> AllSlots(const ExecutorLimits& limits) {
  std::vector<SequenceSlot> slots;
  for (int32_t i = 0; i < limits.max_slots; ++i) slots.push_back(SequenceSlot{i});
  return slots;
}

absl::Status RunStep(StepExecutor& executor, StepPlan plan) {
  executor.Submit(std::move(plan));
  return executor.Collect().status();
}

// Every slot has read one token and chosen the next.
StepPlan BeginAll(const std::vector<SequenceSlot>& slots) {
  StepPlan plan;
  plan.started_slots.push_back({.slot = slots.front(), .sampling = {}});
  plan.table_edits.push_back({.slot = slots.front(), .index = 0, .block = BlockId{0}});
  plan.prefill.push_back({.slot = slots.front(),
                          .first = 0,
                          .ids = {1},
                          .positions = {0, 0, 0},
                          .pages = {},
                          .reused_ids = {},
                          .num_output_ids = 0,
                          .samples = true});
  for (size_t i = 1; i < slots.size(); ++i) {
    plan.forks.push_back({.from = slots.front(), .to = slots[i], .sampling = {}});
  }
  return plan;
}

int64_t NextRows(int64_t rows) { return rows < 8 ? 2 * rows : rows < 64 ? rows + 8 : rows + 32; }

}  // namespace

void StepGate::Close() {
  const base::MutexLock lock(mutex_);
  closed_ = true;
}

void StepGate::Open() {
  const base::MutexLock lock(mutex_);
  closed_ = false;
  changed_.NotifyAll();
}

void StepGate::Pass() {
  const base::MutexLock lock(mutex_);
  ++num_waiting_;
  changed_.NotifyAll();
  while (closed_) changed_.Wait(mutex_);
  --num_waiting_;
}

void StepGate::AwaitSomebody() {
  const base::MutexLock lock(mutex_);
  while (num_waiting_ == 0) changed_.Wait(mutex_);
}

LentExecutor::~LentExecutor() {
  StepPlan plan;
  plan.released_slots = AllSlots(limits());
  plan.released_pages.assign(pages_.begin(), pages_.end());
  // An executor that failed has nothing to release.
  RunStep(owned_, std::move(plan)).IgnoreError();
}

void LentExecutor::Submit(StepPlan plan) {
  gate_.Pass();
  for (const PageId page : plan.released_pages) pages_.erase(page);
  for (const VisionSlice& slice : plan.vision) pages_.insert(slice.page);
  owned_.Submit(std::move(plan));
}

absl::Status WarmDecodeSteps(StepExecutor& executor) {
  const ExecutorLimits& limits = executor.limits();
  const std::vector<SequenceSlot> slots = AllSlots(limits);
  GLYPH_CHECK(limits.num_blocks >= limits.max_slots);
  GLYPH_RETURN_IF_ERROR(RunStep(executor, BeginAll(slots)));
  for (int64_t rows = 1; rows <= limits.max_slots; rows = NextRows(rows)) {
    StepPlan plan;
    for (int32_t i = 0; i < rows; ++i) {
      const SequenceSlot slot = slots[static_cast<size_t>(i)];
      plan.table_edits.push_back({.slot = slot, .index = 0, .block = BlockId{i}});
      plan.decode.push_back({.slot = slot, .kv_length = 1, .position = 1});
    }
    GLYPH_RETURN_IF_ERROR(RunStep(executor, std::move(plan)));
  }
  StepPlan last;
  last.released_slots = slots;
  return RunStep(executor, std::move(last));
}

}  // namespace glyph::vlm
