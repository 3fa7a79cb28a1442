#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/base/mutex.h"
#include "vlm_service/engine/step_executor.h"
#include "vlm_service/model/model_config.h"

namespace glyph::vlm {

class StepRunner;

enum class ModelDType { kFloat32, kBFloat16 };
enum class ModelDevice { kCpu, kCuda };

struct ExecutorOptions {
  ModelDevice device = ModelDevice::kCpu;
  ModelDType dtype = ModelDType::kFloat32;
  int32_t max_slots = 32;
  int64_t kv_bytes = int64_t{1} << 30;  // rounded down to whole blocks
  int64_t kv_tokens = 0;                // counts instead of kv_bytes when not 0; rounded up
  int64_t max_vision_tokens = 32768;    // held between encoding and release
  int num_threads = 0;                  // 0: one for each core
  // On a GPU alone: bytes that may be held, 0 for all that is free; and the longest chunk of a
  // step.
  int64_t gpu_memory_budget = 0;
  int64_t max_chunk_tokens = 1024;
  // A step that takes longer is taken for one that never ends.
  std::chrono::milliseconds step_limit = std::chrono::hours(1);
};

// The model behind the engine. A thread of its own runs the steps, so that Submit returns at once
// and the engine thread stays free until Collect. Greedy tokens in float32 do not depend on what
// else a plan holds.
class ModelExecutor : public StepExecutor {
 public:
  // Takes the memory, loads the weights and, where a driver counts memory, warms up (warm_up.h).
  // Errors of executor_parts.h, ModelWeights::Load and WarmUp.
  static absl::StatusOr<std::unique_ptr<ModelExecutor>> Create(const std::string& model_dir,
                                                               const ModelConfig& config,
                                                               const ExecutorOptions& options);
  ~ModelExecutor() override;

  const ExecutorLimits& limits() const override { return limits_; }
  void Submit(StepPlan plan) override;
  // INTERNAL when the step threw for another reason than memory: its cause is in the log.
  // DEADLINE_EXCEEDED after the step's limit: the process should end without waiting for this.
  absl::StatusOr<StepResult> Collect() override;
  std::vector<ComponentMemory> memory() const override { return memory_; }
  std::vector<StageMemory> load_stages() const override { return load_stages_; }
  int64_t MeasureDriverBytes() const override { return measure_driver_ ? measure_driver_() : 0; }

  int64_t num_parameters() const { return num_parameters_; }

 private:
  ModelExecutor(std::unique_ptr<StepRunner> runner, const ExecutorLimits& limits,
                const ExecutorOptions& options, int64_t num_parameters);

  void RunSteps(int num_threads);

  const ExecutorLimits limits_;
  const std::chrono::milliseconds step_limit_;
  const int64_t num_parameters_;
  std::vector<ComponentMemory> memory_;  // as of the last Collect; the engine thread's
  std::vector<StageMemory> load_stages_;
  std::function<int64_t()> measure_driver_;  // null where there is no driver

  base::Mutex mutex_;
  base::CondVar changed_;
  int32_t num_in_flight_ GLYPH_GUARDED_BY(mutex_) = 0;   // submitted, not yet collected
  std::deque<StepPlan> plans_ GLYPH_GUARDED_BY(mutex_);  // submitted, not yet begun
  bool awaited_ GLYPH_GUARDED_BY(mutex_) = false;        // Collect waits for the oldest
  std::optional<absl::StatusOr<StepResult>> result_ GLYPH_GUARDED_BY(mutex_);
  std::vector<ComponentMemory> result_memory_ GLYPH_GUARDED_BY(mutex_);  // after that step
  bool stopping_ GLYPH_GUARDED_BY(mutex_) = false;

  // The thread's alone.
  std::unique_ptr<StepRunner> runner_;
  std::thread thread_;
};

}  // namespace glyph::vlm
