#pragma once
#include <array>
#include <cstdint>

#include "ATen/core/Tensor.h"
#include "vlm_service/model/activation_arena.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/model/model_weights.h"
#include "vlm_service/ops/ops.h"
#include "vlm_service/prompt/page_image.h"

namespace glyph::vlm {

// A page between its patches and its image tokens.
struct PageEncoding {
  at::Tensor positions;  // [2, num_patches] int32: row, column
  ops::RotaryTable rotary;
  at::Tensor hidden;   // [num_patches, hidden]
  at::Tensor queries;  // [room, hidden], of the layer a patch comes to next; room = Ops::RoomFor
  // Keys, then values [room, 2 * hidden], zeros behind the patches, of even and of odd layers: a
  // layer's parts read those of all patches while they write those of the next layer. Strides do
  // not depend on the page, so that pages of all sizes share cuDNN's compiled code.
  std::array<at::Tensor, 2> keys_values;
};

// Image tokens of a page: rows [first, first + count).
struct TokenRange {
  int64_t first = 0;
  int64_t count = 0;
};

// The vision model: patches of one page in, its image tokens' embeddings out, a part of a layer at
// a time. A part's result depends on the page and the part alone. Not thread-safe.
class VisionEncoder {
 public:
  // All must outlive this. `scratch` is reset by RunLayer and Merge.
  VisionEncoder(const VisionConfig& config, const VisionWeights& weights, ActivationArena& scratch,
                Ops& ops);

  // Takes a page up: embeds its patches and projects them for layer 0. patches [num_patches,
  // patch_values] of the model's type, cell by cell (a cell is merge x merge patches, row-major,
  // and becomes one token). The encoding's tensors are taken from `memory`.
  PageEncoding Begin(const at::Tensor& patches, const PageGrid& grid, ActivationArena& memory);

  // Runs one layer for the patches of `tokens`. Layers come in order, each for every token once.
  void RunLayer(int64_t layer, TokenRange tokens, PageEncoding& page);

  // What the page's patches have become after the last layer: [tokens.count, out_hidden_size],
  // valid until the next call.
  at::Tensor Merge(TokenRange tokens, const PageEncoding& page);

 private:
  struct ProjectionScratch;
  struct PatchRange {
    int64_t first;
    int64_t count;
  };
  void SwiGlu(at::Tensor& out, const at::Tensor& x, const ops::LinearWeights& gate_up,
              const ops::LinearWeights& down);
  PatchRange PatchesOf(TokenRange tokens) const;
  at::Tensor PatchPositions(const PageGrid& grid) const;
  // A table that reaches to the grid's end.
  const ops::RotaryTable& RotaryOf(const PageGrid& grid);
  // Queries, keys and values of `patches` for `layer`.
  void Project(int64_t layer, PatchRange patches, PageEncoding& page, ProjectionScratch& scratch);
  void Attend(int64_t layer, PatchRange patches, PageEncoding& page);
  void Mlp(int64_t layer, PatchRange patches, PageEncoding& page);

  const VisionConfig& config_;
  const VisionWeights& weights_;
  ActivationArena& scratch_;
  Ops& ops_;
  ops::RotaryTable rotary_;
};

}  // namespace glyph::vlm
