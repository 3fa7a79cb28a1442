#pragma once
#include <set>
#include <vector>

#include "proto/base/mutex.h"
#include "vlm_service/engine/step_executor.h"

namespace glyph::vlm {

// Holds an engine back before its next step, so that requests begin together. Thread-safe.
class StepGate {
 public:
  void Close();
  void Open();
  // Waits while it is closed.
  void Pass();
  // Waits until a thread waits in Pass.
  void AwaitSomebody();

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  bool closed_ GLYPH_GUARDED_BY(mutex_) = false;
  int num_waiting_ GLYPH_GUARDED_BY(mutex_) = 0;
};

// An executor on loan, for engines that use one model one after another: an engine owns the loan,
// and when that ends, nothing of the engine is left in the executor. Both arguments outlive it.
class LentExecutor : public StepExecutor {
 public:
  LentExecutor(StepExecutor& owned, StepGate& gate) : owned_(owned), gate_(gate) {}
  ~LentExecutor() override;

  const ExecutorLimits& limits() const override { return owned_.limits(); }
  void Submit(StepPlan plan) override;
  absl::StatusOr<StepResult> Collect() override { return owned_.Collect(); }
  std::vector<ComponentMemory> memory() const override { return owned_.memory(); }

 private:
  StepExecutor& owned_;
  StepGate& gate_;
  std::set<PageId> pages_;  // that may be held
};

// Runs a decode step of every number of rows that has a CUDA graph of its own (CudaOps::Padded) on
// an idle executor, which is idle again after that.
absl::Status WarmDecodeSteps(StepExecutor& executor);

}  // namespace glyph::vlm
