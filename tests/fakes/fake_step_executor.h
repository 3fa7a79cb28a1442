#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "proto/base/mutex.h"
#include "tests/fakes/fake_device.h"
#include "vlm_service/engine/step_executor.h"

namespace glyph::vlm {

// What a fake step says that it took.
struct FakeStepTimes {
  double vision_unit_ms = 1;
  double prefill_token_ms = 0.05;
  double decode_ms = 1;
  double decode_row_ms = 0.1;
};

// A StepExecutor over a FakeDevice.
// The engine thread calls the interface; the controls below may be called from any thread.
class FakeStepExecutor : public StepExecutor {
 public:
  explicit FakeStepExecutor(const ExecutorLimits& limits, FakeModel model = HashModel,
                            FakeStepTimes times = {});

  const ExecutorLimits& limits() const override { return limits_; }
  void Submit(StepPlan plan) override;
  absl::StatusOr<StepResult> Collect() override;
  std::vector<ComponentMemory> memory() const override;

  // Collect waits from now on until Resume.
  void Pause();
  void Resume();
  // Waits until Collect waits for Resume.
  void AwaitPaused();
  // The step submitted next fails with `status`: FakeDevice::Fail.
  void FailNextStep(absl::Status status, bool at_the_end = false);
  // FakeDevice's.
  void SpoilNextChunk();
  void SpoilNextPage();
  bool Scramble(BlockId block);

  // Waits until `count` steps have run.
  void AwaitSteps(int64_t count);
  // Waits until no slot is held; pages may stay cached.
  void AwaitNoSlots();

  int64_t num_steps() const;
  int64_t num_pages_begun() const;
  // What the executor holds between steps.
  int64_t num_used_slots() const;
  int64_t num_held_pages() const;

 private:
  StepResult Run(const StepPlan& plan) GLYPH_REQUIRES(mutex_);

  const ExecutorLimits limits_;
  const FakeStepTimes times_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  FakeDevice device_ GLYPH_GUARDED_BY(mutex_);
  // Of steps in flight, which the device has run; the oldest first.
  std::deque<absl::StatusOr<StepResult>> results_ GLYPH_GUARDED_BY(mutex_);
  bool pause_ GLYPH_GUARDED_BY(mutex_) = false;
  bool paused_ GLYPH_GUARDED_BY(mutex_) = false;
  absl::Status next_status_ GLYPH_GUARDED_BY(mutex_);
  bool fail_at_the_end_ GLYPH_GUARDED_BY(mutex_) = false;
  int64_t num_steps_ GLYPH_GUARDED_BY(mutex_) = 0;
};

}  // namespace glyph::vlm
