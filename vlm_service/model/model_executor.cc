#include "vlm_service/model/model_executor.h"

#include <algorithm>
#include <utility>

#include "ATen/Parallel.h"
#include "absl/strings/str_cat.h"
#include "proto/base/check.h"
#include "proto/rpc/error.h"
#include "vlm_service/model/host_chooser.h"
#include "vlm_service/model/kv_storage.h"
#include "vlm_service/model/model_weights.h"
#include "vlm_service/model/step_runner.h"
#include "vlm_service/ops/cpu_ops.h"

namespace glyph::vlm {
namespace {

constexpr int32_t kBlockTokens = 16;

// 128 patches: 2 or 3 milliseconds of a small model on two cores.
constexpr int64_t kVisionUnitTokens = 32;

at::ScalarType ScalarTypeOf(ModelDType dtype) {
  return dtype == ModelDType::kFloat32 ? at::kFloat : at::kBFloat16;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelExecutor>> ModelExecutor::Create(
    const std::string& model_dir, const ModelConfig& config, const ExecutorOptions& options) {
  if (options.device == ModelDevice::kCuda) {
    return absl::UnimplementedError(
        "this build has no CUDA; use --device cpu, or a build with GLYPH_CUDA=ON");
  }
  const at::ScalarType type = ScalarTypeOf(options.dtype);
  const int64_t block_bytes = KvStorage::BlockBytes(config.text, kBlockTokens, type);
  const int64_t num_blocks = options.kv_tokens > 0
                                 ? (options.kv_tokens + kBlockTokens - 1) / kBlockTokens
                                 : options.kv_bytes / block_bytes;
  if (num_blocks < 1) {
    return absl::InvalidArgumentError(absl::StrCat("the KV cache is ", options.kv_bytes,
                                                   " bytes; one block takes ", block_bytes));
  }
  auto ops = std::make_unique<CpuOps>();
  GLYPH_ASSIGN_OR_RETURN(std::unique_ptr<ModelWeights> weights,
                         ModelWeights::Load(model_dir, config, type, *ops));
  const ExecutorLimits limits = {
      .num_blocks = static_cast<int32_t>(num_blocks),
      .block_tokens = kBlockTokens,
      .max_slots = options.max_slots,
      .max_vision_tokens = options.max_vision_tokens,
      .context_tokens = config.text.max_position_embeddings,
      .vision_layers = static_cast<int32_t>(config.vision.depth),
      .vision_unit_tokens = kVisionUnitTokens,
  };
  const int64_t num_parameters = weights->num_parameters();
  auto chooser =
      std::make_unique<HostChooser>(limits.max_slots, static_cast<int32_t>(config.text.vocab_size));
  auto runner = std::make_unique<StepRunner>(config, std::move(weights), type, limits,
                                             std::move(ops), std::move(chooser));
  return std::unique_ptr<ModelExecutor>(
      new ModelExecutor(std::move(runner), limits, num_parameters, options.num_threads));
}

ModelExecutor::ModelExecutor(std::unique_ptr<StepRunner> runner, const ExecutorLimits& limits,
                             int64_t num_parameters, int num_threads)
    : limits_(limits),
      num_parameters_(num_parameters),
      memory_(runner->memory()),
      runner_(std::move(runner)),
      thread_([this, num_threads] { RunSteps(num_threads); }) {}

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
  GLYPH_CHECK(!plan_.has_value() && !in_flight_);
  plan_ = std::move(plan);
  in_flight_ = true;
  changed_.NotifyAll();
}

absl::StatusOr<StepResult> ModelExecutor::Collect() {
  absl::StatusOr<StepResult> result;
  {
    const base::MutexLock lock(mutex_);
    GLYPH_CHECK(in_flight_);
    while (!result_.has_value()) {
      changed_.Wait(mutex_);
    }
    result = *std::exchange(result_, std::nullopt);
    in_flight_ = false;
  }
  memory_ = runner_->memory();
  return result;
}

void ModelExecutor::RunSteps(int num_threads) {
  if (num_threads > 0) {
    at::set_num_threads(num_threads);
  }
  while (true) {
    StepPlan plan;
    {
      const base::MutexLock lock(mutex_);
      while (!plan_.has_value() && !stopping_) {
        changed_.Wait(mutex_);
      }
      if (stopping_) return;
      plan = *std::exchange(plan_, std::nullopt);
    }
    absl::StatusOr<StepResult> result = runner_->Run(plan);
    const base::MutexLock lock(mutex_);
    result_ = std::move(result);
    changed_.NotifyAll();
  }
}

}  // namespace glyph::vlm
