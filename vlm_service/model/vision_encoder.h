#pragma once
#include <cstdint>

#include "ATen/core/Tensor.h"
#include "vlm_service/model/activation_arena.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/model/model_weights.h"
#include "vlm_service/ops/rotary.h"
#include "vlm_service/prompt/page_image.h"

namespace glyph::vlm {

// The vision model: patches of one page in, its image tokens' embeddings out. Not thread-safe.
class VisionEncoder {
 public:
  // All must outlive this.
  VisionEncoder(const VisionConfig& config, const VisionWeights& weights, ActivationArena& arena);

  // patches [num_patches, patch_values] of the model's type, cell by cell (a cell is merge x merge
  // patches, row-major, and becomes one token). Returns [grid.num_tokens(), out_hidden_size], valid
  // until the arena's next Reset.
  at::Tensor Encode(const at::Tensor& patches, const PageGrid& grid);

 private:
  struct Scratch;
  struct PatchPlaces;

  PatchPlaces PlacesOf(const PageGrid& grid) const;
  void Attention(const VisionBlockWeights& block, const PatchPlaces& places, at::Tensor& hidden,
                 Scratch& scratch);
  void Mlp(const VisionBlockWeights& block, at::Tensor& hidden, Scratch& scratch);
  at::Tensor Merge(const at::Tensor& hidden);

  const VisionConfig& config_;
  const VisionWeights& weights_;
  ActivationArena& arena_;
  const at::Tensor inverse_frequencies_;  // [head_dim / 4]
};

}  // namespace glyph::vlm
