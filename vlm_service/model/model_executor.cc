#include "vlm_service/model/model_executor.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "ATen/Parallel.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/base/check.h"
#include "proto/base/logging.h"
#include "proto/rpc/error.h"
#include "vlm_service/model/executor_parts.h"
#include "vlm_service/model/model_weights.h"
#include "vlm_service/model/step_runner.h"
#include "vlm_service/model/warm_up.h"

namespace glyph::vlm {

absl::StatusOr<std::unique_ptr<ModelExecutor>> ModelExecutor::Create(
    const std::string& model_dir, const ModelConfig& config, const ExecutorOptions& options) {
  const at::ScalarType type = ScalarTypeOf(options.dtype);
  GLYPH_ASSIGN_OR_RETURN(std::unique_ptr<Weights> file, Weights::Open(model_dir));
  GLYPH_ASSIGN_OR_RETURN(ExecutorParts parts,
                         options.device == ModelDevice::kCuda
                             ? MakeCudaParts(config, options, file->num_parameters())
                             : MakeCpuParts(config, options));
  const std::function<int64_t()> measure_driver = parts.measure_driver;
  std::vector<StageMemory> stages;
  // All memory is taken by now, so that the weights only fill theirs.
  if (measure_driver) stages = {{"start", parts.start_bytes}, {"loading", measure_driver()}};
  const auto start = std::chrono::steady_clock::now();
  GLYPH_ASSIGN_OR_RETURN(std::unique_ptr<ModelWeights> weights,
                         ModelWeights::Load(std::move(file), config, type, *parts.ops));
  const std::chrono::duration<double> lasted = std::chrono::steady_clock::now() - start;
  if (measure_driver) {
    const auto gigabytes = static_cast<double>(weights->num_bytes()) / 1e9;
    base::LogInfo("weights_loaded",
                  {{"bytes", absl::StrCat(weights->num_bytes())},
                   {"ms", absl::StrCat(std::llround(lasted.count() * 1e3))},
                   {"gb_per_s", absl::StrFormat("%.1f", gigabytes / lasted.count())}});
  }
  const ExecutorLimits limits = parts.limits;
  const int64_t num_parameters = weights->num_parameters();
  auto runner = std::make_unique<StepRunner>(config, std::move(weights), type, std::move(parts));
  std::unique_ptr<ModelExecutor> executor(
      new ModelExecutor(std::move(runner), limits, options, num_parameters));
  if (!measure_driver) return executor;
  executor->measure_driver_ = measure_driver;
  GLYPH_RETURN_IF_ERROR(WarmUp(*executor, config.pages.token_px(), options.max_chunk_tokens));
  const int64_t loaded = measure_driver();
  stages.back().bytes = std::max(stages.back().bytes, loaded);
  stages.push_back({"loaded", loaded});
  executor->load_stages_ = std::move(stages);
  return executor;
}

ModelExecutor::ModelExecutor(std::unique_ptr<StepRunner> runner, const ExecutorLimits& limits,
                             const ExecutorOptions& options, int64_t num_parameters)
    : limits_(limits),
      step_limit_(options.step_limit),
      num_parameters_(num_parameters),
      memory_(runner->memory()),
      runner_(std::move(runner)),
      thread_([this, threads = options.num_threads] { RunSteps(threads); }) {}

ModelExecutor::~ModelExecutor() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void ModelExecutor::Submit(StepPlan plan) {
  const base::MutexLock lock(mutex_);
  GLYPH_CHECK(num_in_flight_ < limits_.max_steps_in_flight);
  plans_.push_back(std::move(plan));
  ++num_in_flight_;
  changed_.NotifyAll();
}

absl::StatusOr<StepResult> ModelExecutor::Collect() {
  const base::MutexLock lock(mutex_);
  GLYPH_CHECK(num_in_flight_ > 0);
  awaited_ = true;
  changed_.NotifyAll();
  const auto end = std::chrono::steady_clock::now() + step_limit_;
  while (!result_.has_value()) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left.count() <= 0) {
      return absl::DeadlineExceededError(
          absl::StrCat("a step of the model took more than ", step_limit_.count(), " ms"));
    }
    changed_.WaitFor(mutex_, left);
  }
  awaited_ = false;
  --num_in_flight_;
  memory_ = std::move(result_memory_);
  return *std::exchange(result_, std::nullopt);
}

// Steps begin as soon as they are submitted and end once somebody waits for them: in between,
// another may begin.
void ModelExecutor::RunSteps(int num_threads) {
  if (num_threads > 0) {
    at::set_num_threads(num_threads);
  }
  int32_t num_begun = 0;
  while (true) {
    std::optional<StepPlan> plan;
    {
      const base::MutexLock lock(mutex_);
      while (plans_.empty() && !(awaited_ && num_begun > 0 && !result_) && !stopping_) {
        changed_.Wait(mutex_);
      }
      if (stopping_) return;
      if (!plans_.empty()) {
        plan = std::move(plans_.front());
        plans_.pop_front();
      }
    }
    if (plan.has_value()) {
      runner_->Begin(*plan);
      ++num_begun;
      continue;
    }
    absl::StatusOr<StepResult> result = runner_->Finish();
    --num_begun;
    std::vector<ComponentMemory> memory = runner_->memory();
    const base::MutexLock lock(mutex_);
    result_ = std::move(result);
    result_memory_ = std::move(memory);
    changed_.NotifyAll();
  }
}

}  // namespace glyph::vlm
