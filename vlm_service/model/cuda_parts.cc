// MakeCudaParts of a build with CUDA.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <exception>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/base/logging.h"
#include "proto/rpc/error.h"
#include "vlm_service/kernels/paged_decode_attention.h"
#include "vlm_service/model/device_chooser.h"
#include "vlm_service/model/exception_cause.h"
#include "vlm_service/model/executor_parts.h"
#include "vlm_service/model/kv_storage.h"
#include "vlm_service/model/memory_plan.h"
#include "vlm_service/ops/cuda/check.h"
#include "vlm_service/ops/cuda/cuda_ops.h"
#include "vlm_service/ops/cuda/driver_memory.h"

namespace glyph::vlm {
namespace {

constexpr int32_t kBlockTokens = 128;
constexpr int64_t kVisionUnitTokens = 2048;
constexpr int64_t kPagesAtOnce = 2;
constexpr int64_t kGraphBytes = int64_t{16} << 20;  // of one, at most
constexpr int64_t kNumGraphs = 24;                  // CudaOps::PaddedRows of 256 rows
constexpr int64_t kSlack = 64 * 32;                 // values that rounding adds to a pass

// Values of TextDecoder's tensors in a pass of `rows`, `chosen` of which choose a token. The
// residual is float32: as large as two tensors of bfloat16.
int64_t TextValues(const TextConfig& config, ModelDType dtype, int64_t rows, int64_t chosen) {
  const int64_t hidden_states = dtype == ModelDType::kFloat32 ? 3 : 4;
  const int64_t heads = 2 * (config.num_heads + config.num_kv_heads);
  const int64_t wide = std::min(rows, CudaOps::kWideRows);
  return hidden_states * rows * config.hidden_size +
         kernels::RowBucket(rows) * heads * config.head_dim + 3 * wide * config.intermediate_size +
         chosen * (config.hidden_size + config.vocab_size);
}

// Values of VisionEncoder's tensors while a page begins, or in a unit.
int64_t VisionValues(const VisionConfig& config, int64_t patches) {
  const int64_t begins =
      patches * config.patch_values() + 5 * CudaOps::kWideRows * config.hidden_size;
  const int64_t rows = kVisionUnitTokens * config.merge_size * config.merge_size;
  const int64_t layer = rows * (8 * config.hidden_size + 3 * config.out_hidden_size);
  const int64_t merges =
      rows * config.hidden_size +
      kVisionUnitTokens * (2 * config.out_hidden_size + 3 * config.intermediate_size);
  return std::max({begins, layer, merges});
}

// Tables of cosines and sines are kept beside the weights.
int64_t RotaryBytes(const ModelConfig& config) {
  constexpr int64_t kSides = 4096;  // patches
  return 2 * 4 *
         (config.text.max_position_embeddings * config.text.rotary_dim / 2 +
          kSides * config.vision.head_dim / 2);
}

// Values of a PageEncoding.
int64_t PageValues(const VisionConfig& config, int64_t patches) {
  return patches * (6 * config.hidden_size + 4) + kSlack;
}

struct Sizes {
  int64_t arena = 0;  // values
  int64_t page = 0;   // values, of each page that is encoded at once
};

Sizes SizesFor(const ModelConfig& config, const ExecutorOptions& options, int64_t padded_slots) {
  const int64_t patches =
      options.max_vision_tokens / 2 * config.vision.merge_size * config.vision.merge_size;
  return {.arena = std::max({TextValues(config.text, options.dtype, options.max_chunk_tokens, 1),
                             TextValues(config.text, options.dtype, padded_slots, padded_slots),
                             VisionValues(config.vision, patches)}) +
                   kSlack,
          .page = PageValues(config.vision, patches)};
}

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

absl::StatusOr<ExecutorParts> MakeParts(const ModelConfig& config, const ExecutorOptions& options,
                                        int64_t num_parameters) {
  const at::ScalarType type = ScalarTypeOf(options.dtype);
  const auto value_bytes = static_cast<int64_t>(c10::elementSize(type));
  const auto vocab = static_cast<int32_t>(config.text.vocab_size);
  const int64_t padded_slots = CudaOps::Padded(options.max_slots);
  const Sizes sizes = SizesFor(config, options, padded_slots);
  GLYPH_ASSIGN_OR_RETURN(const Device device, OpenDevice());
  CudaOpsOptions ops_options = {.component_bytes = {},
                                .heads = config.text.num_heads,
                                .kv_heads = config.text.num_kv_heads,
                                .head_dim = config.text.head_dim,
                                .max_decode_rows = padded_slots,
                                .kv_tokens = 0,
                                .context_bytes = device.context_bytes,
                                .graphs_bytes = kNumGraphs * kGraphBytes};
  const int64_t workspace =
      CudaOps::WorkspaceBytes(ops_options) + DeviceChooser::MemoryBytes(options.max_slots, vocab);
  ops_options.kv_tokens = int64_t{1} << 20;
  const int64_t kv_workspace = CudaOps::WorkspaceBytes(ops_options) +
                               DeviceChooser::MemoryBytes(options.max_slots, vocab) - workspace;
  const int64_t context_blocks =
      (config.text.max_position_embeddings + kBlockTokens - 1) / kBlockTokens;
  const int64_t wanted_blocks = options.kv_tokens > 0
                                    ? (options.kv_tokens + kBlockTokens - 1) / kBlockTokens
                                    : context_blocks * options.max_slots;
  constexpr int64_t kTensorSlack = 4096 * 256;  // tensors are aligned to 256 bytes
  GLYPH_ASSIGN_OR_RETURN(
      const MemoryPlan plan,
      PlanMemory(
          {.total_bytes = device.total_bytes,
           .free_bytes = device.free_bytes,
           .context_bytes = device.context_bytes,
           .budget_bytes = options.gpu_memory_budget,
           .weights_bytes = num_parameters * value_bytes + kTensorSlack + RotaryBytes(config),
           .vision_bytes = options.max_vision_tokens * config.text.hidden_size * value_bytes + 256,
           .activations_bytes = (sizes.arena + kPagesAtOnce * sizes.page) * value_bytes +
                                padded_slots * (6 + context_blocks) * 4 + kTensorSlack,
           .workspace_bytes = workspace,
           .graphs_bytes = ops_options.graphs_bytes,
           .block_bytes = KvStorage::BlockBytes(config.text, kBlockTokens, type) +
                          kv_workspace * kBlockTokens / ops_options.kv_tokens + 1,
           .min_blocks = options.kv_tokens > 0 ? wanted_blocks : int64_t{1},
           .max_blocks = wanted_blocks}));
  ops_options.kv_tokens = plan.num_blocks * kBlockTokens;
  ops_options.component_bytes = plan.component_bytes;
  ops_options.component_bytes["kv"] =
      plan.num_blocks * KvStorage::BlockBytes(config.text, kBlockTokens, type) +
      2 * config.text.num_layers * int64_t{256};
  ops_options.component_bytes["workspace"] +=
      CudaOps::WorkspaceBytes(ops_options) -
      (workspace - DeviceChooser::MemoryBytes(options.max_slots, vocab));
  for (const auto& [component, bytes] : ops_options.component_bytes) {
    base::LogInfo("gpu_memory_plan", {{"component", component}, {"bytes", absl::StrCat(bytes)}});
  }
  ExecutorParts parts;
  parts.limits = {
      .num_blocks = static_cast<int32_t>(plan.num_blocks),
      .block_tokens = kBlockTokens,
      .max_slots = options.max_slots,
      .max_vision_tokens = options.max_vision_tokens,
      .context_tokens = config.text.max_position_embeddings,
      .vision_layers = static_cast<int32_t>(config.vision.depth),
      .vision_unit_tokens = kVisionUnitTokens,
      .max_pages_in_work = kPagesAtOnce,
  };
  auto ops = std::make_unique<CudaOps>(ops_options);
  parts.chooser = std::make_unique<DeviceChooser>(options.max_slots, vocab, *ops);
  parts.arena =
      std::make_unique<ActivationArena>(ops->Allocate("activations", {sizes.arena}, type));
  for (int64_t page = 0; page < kPagesAtOnce; ++page) {
    parts.page_memory.push_back(ops->Allocate("activations", {sizes.page}, type));
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
