#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "proto/base/mutex.h"
#include "vlm_service/engine/step_executor.h"

namespace glyph::vlm {

// Chooses the next token of a sequence from what its KV cache holds: `cached` are the prompt's
// tokens (an image token is replaced by a number made of its page's key and its index there), then
// the output so far. nullopt: logits with NaN.
using FakeModel =
    std::function<std::optional<int32_t>(std::span<const int32_t> cached, size_t prompt_tokens)>;

// A hash of everything cached, in [0, 256): one wrong cell changes the rest of the answer.
std::optional<int32_t> HashModel(std::span<const int32_t> cached, size_t prompt_tokens);

// A StepExecutor without a model: keeps the KV cache as plain numbers in blocks, so that blocks
// handed to two sequences or read at the wrong place show in the tokens, and CHECK-fails on every
// plan that breaks the contract of plan.h.
// The engine thread calls the interface; the controls below may be called from any thread.
class FakeStepExecutor : public StepExecutor {
 public:
  explicit FakeStepExecutor(const ExecutorLimits& limits, FakeModel model = HashModel);

  const ExecutorLimits& limits() const override { return limits_; }
  void Submit(StepPlan plan) override;
  absl::StatusOr<StepResult> Collect() override;
  std::vector<ComponentMemory> memory() const override;

  // Collect waits from now on until Resume.
  void Pause();
  void Resume();
  // Waits until Collect waits for Resume.
  void AwaitPaused();
  // The next Collect returns `status`.
  void FailNextStep(absl::Status status);

  // Waits until `count` steps have run.
  void AwaitSteps(int64_t count);
  // Waits until no slot and no page is held.
  void AwaitEmpty();

  int64_t num_steps() const;
  int64_t num_pages_encoded() const;
  // What the executor holds between steps.
  int64_t num_used_slots() const;
  int64_t num_held_pages() const;

 private:
  struct Slot {
    std::vector<BlockId> blocks;
    size_t prompt_tokens = 0;
    int32_t next_position = 0;  // of the next decode row
    int64_t cached = 0;
    int32_t last_token = 0;
  };
  struct HeldPage {
    std::shared_ptr<const PageImage> image;
    PageGrid grid;
  };

  void Release(const StepPlan& plan) GLYPH_REQUIRES(mutex_);
  void Encode(const VisionWork& work) GLYPH_REQUIRES(mutex_);
  SampledToken Prefill(const PrefillWork& work) GLYPH_REQUIRES(mutex_);
  SampledToken Decode(const DecodeWork& work) GLYPH_REQUIRES(mutex_);
  SampledToken Sample(SequenceSlot id, Slot& slot) GLYPH_REQUIRES(mutex_);
  void Write(Slot& slot, int32_t value) GLYPH_REQUIRES(mutex_);
  void CheckBlocks(const PrefillWork& work) GLYPH_REQUIRES(mutex_);

  const ExecutorLimits limits_;
  const FakeModel model_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::optional<StepPlan> plan_ GLYPH_GUARDED_BY(mutex_);
  std::vector<int32_t> cells_ GLYPH_GUARDED_BY(mutex_);  // [num_blocks * block_tokens]
  std::map<SequenceSlot, Slot> slots_ GLYPH_GUARDED_BY(mutex_);
  std::map<PageId, HeldPage> pages_ GLYPH_GUARDED_BY(mutex_);
  std::set<PageId> seen_pages_ GLYPH_GUARDED_BY(mutex_);
  bool pause_ GLYPH_GUARDED_BY(mutex_) = false;
  bool paused_ GLYPH_GUARDED_BY(mutex_) = false;
  absl::Status next_status_ GLYPH_GUARDED_BY(mutex_);
  int64_t num_steps_ GLYPH_GUARDED_BY(mutex_) = 0;
};

}  // namespace glyph::vlm
