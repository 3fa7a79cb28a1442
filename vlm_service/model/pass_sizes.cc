#include "vlm_service/model/pass_sizes.h"

#include <algorithm>

#include "vlm_service/kernels/cudnn_attention_spec.h"

namespace glyph::vlm {
namespace {

constexpr int64_t kSlack = 64 * 32;  // values that rounding adds to a pass

// Values of TextDecoder's tensors in a pass of `rows`, `chosen` of which choose a token. The
// residual is float32, two others of its shape are of the model's type.
int64_t TextValues(const TextConfig& config, const PassLimits& limits, int64_t rows,
                   int64_t chosen) {
  const int64_t hidden_states = 2 + 4 / limits.value_bytes;
  const int64_t heads = 2 * (config.num_heads + config.num_kv_heads);
  const int64_t wide = std::min(rows, limits.wide_rows);
  return hidden_states * rows * config.hidden_size +
         kernels::QueryBound(rows) * heads * config.head_dim + 3 * wide * config.intermediate_size +
         chosen * (config.hidden_size + config.vocab_size);
}

// Values of VisionEncoder's tensors while a page begins, or in a unit.
int64_t VisionValues(const VisionConfig& config, const PassLimits& limits) {
  const int64_t begins = PatchesOf(config, limits.page_tokens) * config.patch_values() +
                         5 * limits.wide_rows * config.hidden_size;
  const int64_t rows = kernels::QueryBound(PatchesOf(config, limits.unit_tokens));
  const int64_t layer =
      rows * std::max(4 * config.hidden_size, 2 * config.hidden_size + 3 * config.out_hidden_size);
  const int64_t merges =
      rows * config.hidden_size +
      limits.unit_tokens * (2 * config.out_hidden_size + 3 * config.intermediate_size);
  return std::max({begins, layer, merges});
}

}  // namespace

int64_t PatchesOf(const VisionConfig& config, int64_t tokens) {
  return tokens * config.merge_size * config.merge_size;
}

int64_t ScratchValues(const ModelConfig& config, const PassLimits& limits) {
  return std::max({TextValues(config.text, limits, limits.chunk_tokens, 1),
                   TextValues(config.text, limits, limits.decode_rows, limits.decode_rows),
                   VisionValues(config.vision, limits)}) +
         kSlack;
}

int64_t PageValues(const VisionConfig& config, int64_t page_tokens) {
  const int64_t patches = PatchesOf(config, page_tokens);
  return patches * (config.hidden_size + 4) +
         kernels::QueryBound(patches) * 5 * config.hidden_size + kSlack;
}

int64_t RotaryBytes(const ModelConfig& config) {
  constexpr int64_t kSides = 4096;  // patches
  return 2 * 4 *
         (config.text.max_position_embeddings * config.text.rotary_dim / 2 +
          kSides * config.vision.head_dim / 2);
}

}  // namespace glyph::vlm
