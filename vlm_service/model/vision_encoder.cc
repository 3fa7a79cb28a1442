#include "vlm_service/model/vision_encoder.h"

#include <algorithm>
#include <vector>

#include "ATen/ops/arange.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/stack.h"
#include "vlm_service/ops/attention.h"
#include "vlm_service/ops/elementwise.h"
#include "vlm_service/ops/linear.h"
#include "vlm_service/ops/position_embedding.h"

namespace glyph::vlm {
namespace {

constexpr ops::Rows kOneSequence = ops::Rows::kOneSequence;
constexpr double kMergerNormEps = 1e-5;  // torch.nn.LayerNorm's default

// Rows whose MLP runs at once: bounds the widest intermediates.
constexpr int64_t kMlpRows = 2048;

// The two widest intermediates of an MLP, [at most kMlpRows, width].
struct MlpChunk {
  at::Tensor gate, up;

  MlpChunk(int64_t rows, int64_t width, ActivationArena& arena)
      : gate(arena.Take(std::min(rows, kMlpRows), width)),
        up(arena.Take(std::min(rows, kMlpRows), width)) {}
};

// out = (silu(x gate^T) * x up^T) down^T, a chunk of rows at a time.
void SwiGlu(at::Tensor& out, const at::Tensor& x, const ops::LinearWeights& gate,
            const ops::LinearWeights& up, const ops::LinearWeights& down, const MlpChunk& chunk) {
  const int64_t step = chunk.gate.size(0);
  for (int64_t row = 0; row < x.size(0); row += step) {
    const int64_t count = std::min(step, x.size(0) - row);
    const at::Tensor x_rows = x.narrow(0, row, count);
    at::Tensor gate_rows = chunk.gate.narrow(0, 0, count);
    at::Tensor up_rows = chunk.up.narrow(0, 0, count);
    at::Tensor out_rows = out.narrow(0, row, count);
    ops::Linear(gate_rows, x_rows, gate, kOneSequence);
    ops::Linear(up_rows, x_rows, up, kOneSequence);
    ops::SiluMul(gate_rows, gate_rows, up_rows);
    ops::Linear(out_rows, gate_rows, down, kOneSequence);
  }
}

}  // namespace

// Where each patch lies on the page, and the angles for it.
struct VisionEncoder::PatchPlaces {
  at::Tensor rows;       // [num_patches] int64
  at::Tensor columns;    // [num_patches] int64
  at::Tensor positions;  // [2, num_patches] int32: row, column
  ops::RotaryTable rotary;
};

struct VisionEncoder::Scratch {
  at::Tensor normed, qkv, attended, projected;  // [num_patches, ...]
  MlpChunk mlp;

  Scratch(int64_t patches, const VisionConfig& config, ActivationArena& arena)
      : normed(arena.Take(patches, config.hidden_size)),
        qkv(arena.Take(patches, 3 * config.hidden_size)),
        attended(arena.Take(patches, config.hidden_size)),
        projected(arena.Take(patches, config.hidden_size)),
        mlp(patches, config.out_hidden_size, arena) {}
};

VisionEncoder::VisionEncoder(const VisionConfig& config, const VisionWeights& weights,
                             ActivationArena& arena)
    : config_(config),
      weights_(weights),
      arena_(arena),
      inverse_frequencies_(ops::InverseFrequencies(config.rope_theta, config.head_dim / 2)) {}

VisionEncoder::PatchPlaces VisionEncoder::PlacesOf(const PageGrid& grid) const {
  const int64_t merge = config_.merge_size;
  const int64_t rows = grid.rows * merge;
  const int64_t columns = grid.cols * merge;
  // [rows, columns] reordered cell by cell, as the image processor orders patches.
  const auto by_cell = [&](const at::Tensor& plane) {
    return plane.reshape({grid.rows, merge, grid.cols, merge}).transpose(1, 2).flatten();
  };
  PatchPlaces places;
  places.rows = by_cell(at::arange(rows, at::kLong).unsqueeze(1).expand({rows, columns}));
  places.columns = by_cell(at::arange(columns, at::kLong).unsqueeze(0).expand({rows, columns}));
  places.positions = at::stack({places.rows, places.columns}).to(at::kInt);
  const auto quarter = static_cast<size_t>(config_.head_dim / 4);
  std::vector<int32_t> axis(quarter, 0);
  axis.insert(axis.end(), quarter, 1);
  places.rotary = ops::MakeRotaryTable(at::cat({inverse_frequencies_, inverse_frequencies_}),
                                       std::max(rows, columns), at::kFloat, std::move(axis),
                                       ops::RotaryPairs::kHalfSplit);
  return places;
}

at::Tensor VisionEncoder::Encode(const at::Tensor& patches, const PageGrid& grid) {
  const int64_t count = patches.size(0);
  const int64_t merge = config_.merge_size;
  TORCH_CHECK(count == grid.num_tokens() * merge * merge, "patches differ from the page's grid");
  const PatchPlaces places = PlacesOf(grid);
  at::Tensor hidden = arena_.Take(count, config_.hidden_size);
  Scratch scratch(count, config_, arena_);
  ops::Linear(scratch.normed, patches, weights_.patch_embed, kOneSequence);
  ops::RmsNorm(hidden, scratch.normed, weights_.post_conv_norm, config_.rms_norm_eps);
  ops::AddPositionEmbedding(hidden, weights_.positions, places.rows, places.columns,
                            grid.rows * merge, grid.cols * merge);
  for (const VisionBlockWeights& block : weights_.blocks) {
    Attention(block, places, hidden, scratch);
    Mlp(block, hidden, scratch);
  }
  ops::RmsNorm(scratch.normed, hidden, weights_.post_norm, config_.rms_norm_eps);
  return Merge(scratch.normed);
}

void VisionEncoder::Attention(const VisionBlockWeights& block, const PatchPlaces& places,
                              at::Tensor& hidden, Scratch& scratch) {
  const int64_t count = hidden.size(0);
  ops::RmsNorm(scratch.normed, hidden, block.norm1, config_.rms_norm_eps);
  ops::Linear(scratch.qkv, scratch.normed, block.qkv, kOneSequence);
  const at::Tensor qkv = scratch.qkv.view({count, 3, config_.num_heads, config_.head_dim});
  at::Tensor q = qkv.select(1, 0);
  at::Tensor k = qkv.select(1, 1);
  ops::Rotary(q, places.positions, places.rotary);
  ops::Rotary(k, places.positions, places.rotary);
  at::Tensor attended = scratch.attended.view({count, config_.num_heads, config_.head_dim});
  ops::Attention(attended, q, k, qkv.select(1, 2), ops::AttentionMask::kFull);
  ops::Linear(scratch.projected, scratch.attended, block.proj, kOneSequence);
  ops::Add(hidden, scratch.projected);
}

void VisionEncoder::Mlp(const VisionBlockWeights& block, at::Tensor& hidden, Scratch& scratch) {
  ops::RmsNorm(scratch.normed, hidden, block.norm2, config_.rms_norm_eps);
  SwiGlu(scratch.projected, scratch.normed, block.gate, block.up, block.down, scratch.mlp);
  ops::Add(hidden, scratch.projected);
}

at::Tensor VisionEncoder::Merge(const at::Tensor& hidden) {
  const int64_t cell = config_.merge_size * config_.merge_size * config_.hidden_size;
  const at::Tensor cells = hidden.view({-1, cell});
  const int64_t tokens = cells.size(0);
  at::Tensor merged = arena_.Take(tokens, config_.out_hidden_size);
  at::Tensor projected = arena_.Take(tokens, config_.out_hidden_size);
  ops::Linear(merged, cells, weights_.downsample, kOneSequence);
  ops::Linear(projected, merged, weights_.merger_proj, kOneSequence);
  ops::LayerNorm(merged, projected, weights_.merger_norm_weight, weights_.merger_norm_bias,
                 kMergerNormEps);
  ops::Gelu(merged);
  SwiGlu(projected, merged, weights_.merger_gate, weights_.merger_up, weights_.merger_down,
         MlpChunk(tokens, config_.intermediate_size, arena_));
  return projected;
}

}  // namespace glyph::vlm
