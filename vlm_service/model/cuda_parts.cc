// MakeCudaParts of a build with CUDA.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <exception>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/base/logging.h"
#include "proto/rpc/error.h"
#include "vlm_service/kernels/cudnn_attention_spec.h"
#include "vlm_service/model/device_chooser.h"
#include "vlm_service/model/exception_cause.h"
#include "vlm_service/model/executor_parts.h"
#include "vlm_service/model/kv_storage.h"
#include "vlm_service/model/memory_plan.h"
#include "vlm_service/model/pass_sizes.h"
#include "vlm_service/ops/cuda/check.h"
#include "vlm_service/ops/cuda/cuda_ops.h"
#include "vlm_service/ops/cuda/driver_memory.h"

namespace glyph::vlm {
namespace {

constexpr int32_t kBlockTokens = 128;
constexpr int64_t kVisionUnitTokens = 2048;
constexpr int64_t kMaxPagesAtOnce = 2;
constexpr int64_t kGraphBytes = int64_t{16} << 20;  // of one, at most
constexpr int64_t kCodeBytes = int64_t{160} << 20;  // with graphs 116 MiB were measured

struct Device {
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;
  int64_t context_bytes = 0;  // ours
  int64_t others_bytes = 0;   // in use before ours
};

// Starts CUDA. The driver does not tell our context from what others hold: beyond kMaxContextBytes
// it is theirs.
absl::StatusOr<Device> OpenDevice() {
  constexpr int64_t kMaxContextBytes = int64_t{1} << 30;
  size_t free = 0;
  size_t total = 0;
  cudaDeviceProp device;
  if (const cudaError_t error = cudaGetDeviceProperties(&device, 0); error != cudaSuccess) {
    return absl::UnavailableError(
        absl::StrCat("there is no GPU for --device cuda: ", cudaGetErrorString(error)));
  }
  CheckCuda(cudaMemGetInfo(&free, &total), "GPU");  // makes the context
  base::LogInfo("gpu", {{"name", device.name},
                        {"total_bytes", absl::StrCat(total)},
                        {"free_bytes", absl::StrCat(free)}});
  const auto used = static_cast<int64_t>(total - free);
  const int64_t context = std::min(used, kMaxContextBytes);
  if (used > context) {
    base::LogWarning("gpu_shared", {{"others_bytes", absl::StrCat(used - context)},
                                    {"free_bytes", absl::StrCat(free)},
                                    {"total_bytes", absl::StrCat(total)}});
  }
  return Device{.total_bytes = static_cast<int64_t>(total),
                .free_bytes = static_cast<int64_t>(free),
                .context_bytes = context,
                .others_bytes = used - context};
}

PassLimits LimitsOfPasses(const ExecutorOptions& options) {
  return {.chunk_tokens = options.max_chunk_tokens,
          .decode_rows = CudaOps::Padded(options.max_slots),
          .page_tokens = options.max_vision_tokens / 2,
          .unit_tokens = kVisionUnitTokens,
          .wide_rows = CudaOps::kWideRows,
          .value_bytes = static_cast<int64_t>(c10::elementSize(ScalarTypeOf(options.dtype)))};
}

// Sizes of decode batches, each of which is recorded.
int64_t NumGraphs(int64_t max_slots) {
  int64_t count = 0;
  for (int64_t rows = 1; rows <= max_slots; rows = CudaOps::Padded(rows) + 1) ++count;
  return count;
}

// All but the regions' sizes and kv_tokens.
CudaOpsOptions OpsOptionsFor(const ModelConfig& config, const ExecutorOptions& options,
                             const Device& device) {
  return {.component_bytes = {},
          .heads = config.text.num_heads,
          .kv_heads = config.text.num_kv_heads,
          .head_dim = config.text.head_dim,
          .max_decode_rows = CudaOps::Padded(options.max_slots),
          .kv_tokens = 0,
          .chunk_rows = options.max_chunk_tokens,
          .page_patches = PatchesOf(config.vision, LimitsOfPasses(options).page_tokens),
          .context_tokens = config.text.max_position_embeddings,
          .context_bytes = device.context_bytes,
          .graphs_bytes = NumGraphs(options.max_slots) * kGraphBytes};
}

// That operations and sampler take for a cache of `kv_tokens`.
int64_t WorkspaceBytes(const ModelConfig& config, const ExecutorOptions& options,
                       CudaOpsOptions ops, int64_t kv_tokens) {
  ops.kv_tokens = kv_tokens;
  return CudaOps::WorkspaceBytes(ops) +
         DeviceChooser::MemoryBytes(options.max_slots,
                                    static_cast<int32_t>(config.text.vocab_size));
}

// What a block adds to "workspace".
int64_t BlockWorkspaceBytes(const ModelConfig& config, const ExecutorOptions& options,
                            const CudaOpsOptions& ops) {
  constexpr int64_t kManyBlocks = 8192;
  const int64_t bytes = WorkspaceBytes(config, options, ops, kManyBlocks * kBlockTokens) -
                        WorkspaceBytes(config, options, ops, 0);
  return bytes / kManyBlocks + 1;
}

int64_t BlocksFor(int64_t tokens) { return (tokens + kBlockTokens - 1) / kBlockTokens; }

MemoryNeeds NeedsOf(const ModelConfig& config, const ExecutorOptions& options, const Device& device,
                    const CudaOpsOptions& ops, int64_t num_parameters) {
  constexpr int64_t kTensorSlack = 4096 * 256;  // tensors are aligned to 256 bytes
  const at::ScalarType type = ScalarTypeOf(options.dtype);
  const auto value_bytes = static_cast<int64_t>(c10::elementSize(type));
  const PassLimits passes = LimitsOfPasses(options);
  const int64_t context_blocks = BlocksFor(config.text.max_position_embeddings);
  const int64_t wanted_blocks =
      options.kv_tokens > 0 ? BlocksFor(options.kv_tokens) : context_blocks * options.max_slots;
  return {.total_bytes = device.total_bytes,
          .free_bytes = device.free_bytes,
          .context_bytes = device.context_bytes,
          .budget_bytes = options.gpu_memory_budget,
          .weights_bytes = num_parameters * value_bytes + kTensorSlack + RotaryBytes(config),
          .vision_bytes = options.max_vision_tokens * config.text.hidden_size * value_bytes + 256,
          .activations_bytes = ScratchValues(config, passes) * value_bytes +
                               passes.decode_rows * (6 + context_blocks) * 4 + kTensorSlack,
          .page_bytes = PageValues(config.vision, passes.page_tokens) * value_bytes,
          .workspace_bytes = WorkspaceBytes(config, options, ops, 0),
          .graphs_bytes = ops.graphs_bytes,
          .code_bytes = kCodeBytes,
          .block_bytes = KvStorage::BlockBytes(config.text, kBlockTokens, type) +
                         BlockWorkspaceBytes(config, options, ops),
          .min_blocks = options.kv_tokens > 0 ? wanted_blocks : int64_t{1},
          .max_blocks = wanted_blocks,
          .max_pages = kMaxPagesAtOnce,
          .wished_blocks = std::min(context_blocks, wanted_blocks)};
}

// The regions of a plan, those that grow with the cache included.
void FillRegions(const ModelConfig& config, const ExecutorOptions& options, const MemoryPlan& plan,
                 CudaOpsOptions& ops) {
  ops.component_bytes = plan.component_bytes;
  ops.component_bytes["kv"] = plan.num_blocks * KvStorage::BlockBytes(config.text, kBlockTokens,
                                                                      ScalarTypeOf(options.dtype)) +
                              2 * config.text.num_layers * int64_t{256};
  ops.kv_tokens = plan.num_blocks * kBlockTokens;
  ops.component_bytes["workspace"] +=
      WorkspaceBytes(config, options, ops, ops.kv_tokens) - WorkspaceBytes(config, options, ops, 0);
  for (const auto& [component, bytes] : ops.component_bytes) {
    base::LogInfo("gpu_memory_plan", {{"component", component}, {"bytes", absl::StrCat(bytes)}});
  }
}

ExecutorLimits LimitsOf(const ModelConfig& config, const ExecutorOptions& options,
                        const MemoryPlan& plan) {
  return {.num_blocks = static_cast<int32_t>(plan.num_blocks),
          .block_tokens = kBlockTokens,
          .max_slots = options.max_slots,
          .max_vision_tokens = options.max_vision_tokens,
          .context_tokens = config.text.max_position_embeddings,
          .vision_layers = static_cast<int32_t>(config.vision.depth),
          .vision_unit_tokens = kVisionUnitTokens,
          .chunk_step = kernels::kQueryStep,
          .max_pages_in_work = static_cast<int32_t>(plan.num_pages),
          .max_steps_in_flight = 2,
          .gpu_memory_budget_bytes = plan.budget_bytes};
}

absl::StatusOr<ExecutorParts> MakeParts(const ModelConfig& config, const ExecutorOptions& options,
                                        int64_t num_parameters) {
  GLYPH_ASSIGN_OR_RETURN(const Device device, OpenDevice());
  CudaOpsOptions ops_options = OpsOptionsFor(config, options, device);
  GLYPH_ASSIGN_OR_RETURN(const MemoryPlan plan,
                         PlanMemory(NeedsOf(config, options, device, ops_options, num_parameters)));
  FillRegions(config, options, plan, ops_options);
  const at::ScalarType type = ScalarTypeOf(options.dtype);
  const PassLimits passes = LimitsOfPasses(options);
  auto ops = std::make_unique<CudaOps>(ops_options);
  const auto activations = [&](int64_t values) {
    return ops->Allocate("activations", {values}, type);
  };
  ExecutorParts parts;
  parts.limits = LimitsOf(config, options, plan);
  parts.chooser = std::make_unique<DeviceChooser>(
      options.max_slots, static_cast<int32_t>(config.text.vocab_size), *ops);
  parts.arena = std::make_unique<ActivationArena>(activations(ScratchValues(config, passes)));
  for (int64_t page = 0; page < plan.num_pages; ++page) {
    parts.page_memory.push_back(activations(PageValues(config.vision, passes.page_tokens)));
  }
  parts.ops = std::move(ops);
  parts.start_bytes = device.context_bytes;
  parts.measure_driver = [others = device.others_bytes] {
    return std::max<int64_t>(0, DriverUsedBytes() - others);
  };
  return parts;
}

}  // namespace

absl::StatusOr<ExecutorParts> MakeCudaParts(const ModelConfig& config,
                                            const ExecutorOptions& options,
                                            int64_t num_parameters) {
  try {
    return MakeParts(config, options, num_parameters);
  } catch (const std::exception& error) {
    base::LogError("gpu_not_opened", {{"cause", CauseOf(error)}});
    return absl::ResourceExhaustedError(
        "the GPU's memory could not be taken as planned; the log says why");
  }
}

}  // namespace glyph::vlm
