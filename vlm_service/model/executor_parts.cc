#include "vlm_service/model/executor_parts.h"

#include "absl/strings/str_cat.h"
#include "vlm_service/model/host_chooser.h"
#include "vlm_service/model/kv_storage.h"
#include "vlm_service/ops/cpu_ops.h"

namespace glyph::vlm {
namespace {

constexpr int32_t kBlockTokens = 16;

// 128 patches: 2 or 3 milliseconds of a small model on two cores.
constexpr int64_t kVisionUnitTokens = 32;

}  // namespace

at::ScalarType ScalarTypeOf(ModelDType dtype) {
  return dtype == ModelDType::kFloat32 ? at::kFloat : at::kBFloat16;
}

absl::StatusOr<ExecutorParts> MakeCpuParts(const ModelConfig& config,
                                           const ExecutorOptions& options) {
  const at::ScalarType type = ScalarTypeOf(options.dtype);
  const int64_t block_bytes = KvStorage::BlockBytes(config.text, kBlockTokens, type);
  const int64_t num_blocks = options.kv_tokens > 0
                                 ? (options.kv_tokens + kBlockTokens - 1) / kBlockTokens
                                 : options.kv_bytes / block_bytes;
  if (num_blocks < 1) {
    return absl::InvalidArgumentError(absl::StrCat("the KV cache is ", options.kv_bytes,
                                                   " bytes; one block takes ", block_bytes));
  }
  ExecutorParts parts;
  parts.limits = {
      .num_blocks = static_cast<int32_t>(num_blocks),
      .block_tokens = kBlockTokens,
      .max_slots = options.max_slots,
      .max_vision_tokens = options.max_vision_tokens,
      .context_tokens = config.text.max_position_embeddings,
      .vision_layers = static_cast<int32_t>(config.vision.depth),
      .vision_unit_tokens = kVisionUnitTokens,
  };
  parts.ops = std::make_unique<CpuOps>();
  parts.chooser = std::make_unique<HostChooser>(options.max_slots,
                                                static_cast<int32_t>(config.text.vocab_size));
  parts.arena = std::make_unique<ActivationArena>(type);
  return parts;
}

}  // namespace glyph::vlm
