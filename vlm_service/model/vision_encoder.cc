#include "vlm_service/model/vision_encoder.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ATen/ops/arange.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/stack.h"

namespace glyph::vlm {
namespace {

constexpr double kMergerNormEps = 1e-5;  // torch.nn.LayerNorm's default
constexpr int64_t kUsualSide = 1172;     // patches of the longest page, 16,384 px

}  // namespace

struct VisionEncoder::ProjectionScratch {
  at::Tensor normed, projected;  // [patches, hidden], [patches, 3 * hidden]

  ProjectionScratch(const VisionConfig& config, int64_t patches, ActivationArena& arena)
      : normed(arena.Take(patches, config.hidden_size)),
        projected(arena.Take(patches, 3 * config.hidden_size)) {}
};

VisionEncoder::VisionEncoder(const VisionConfig& config, const VisionWeights& weights,
                             ActivationArena& scratch, Ops& ops)
    : config_(config), weights_(weights), scratch_(scratch), ops_(ops) {}

// out = (silu(x gate^T) * x up^T) down^T.
void VisionEncoder::SwiGlu(at::Tensor& out, const at::Tensor& x, const ops::LinearWeights& gate_up,
                           const ops::LinearWeights& down) {
  at::Tensor projected = scratch_.Take(x.size(0), gate_up.outputs);
  at::Tensor activated = scratch_.Take(x.size(0), down.inputs);
  ops_.GatedLinear(activated, x, gate_up, projected);
  ops_.Linear(out, activated, down);
}

VisionEncoder::PatchRange VisionEncoder::PatchesOf(TokenRange tokens) const {
  const int64_t cell = config_.merge_size * config_.merge_size;
  return {.first = tokens.first * cell, .count = tokens.count * cell};
}

at::Tensor VisionEncoder::PatchPositions(const PageGrid& grid) const {
  const int64_t merge = config_.merge_size;
  const int64_t rows = grid.rows * merge;
  const int64_t columns = grid.cols * merge;
  // [rows, columns] reordered cell by cell, as the image processor orders patches.
  const auto by_cell = [&](const at::Tensor& plane) {
    return plane.expand({rows, columns})
        .reshape({grid.rows, merge, grid.cols, merge})
        .transpose(1, 2)
        .flatten();
  };
  return at::stack({by_cell(at::arange(rows, at::kInt).unsqueeze(1)),
                    by_cell(at::arange(columns, at::kInt).unsqueeze(0))});
}

const ops::RotaryTable& VisionEncoder::RotaryOf(const PageGrid& grid) {
  const int64_t side = std::max(grid.rows, grid.cols) * config_.merge_size;
  if (!rotary_.cos.defined() || rotary_.cos.size(0) < side) {
    const auto quarter = static_cast<size_t>(config_.head_dim / 4);
    std::vector<int32_t> axis(quarter, 0);
    axis.insert(axis.end(), quarter, 1);
    const at::Tensor frequencies =
        ops::InverseFrequencies(config_.rope_theta, config_.head_dim / 2);
    rotary_ = ops_.KeepRotary(ops::MakeRotaryTable(at::cat({frequencies, frequencies}),
                                                   std::max(side, kUsualSide), at::kFloat, axis,
                                                   ops::RotaryPairs::kHalfSplit));
  }
  return rotary_;
}

PageEncoding VisionEncoder::Begin(const at::Tensor& patches, const PageGrid& grid,
                                  ActivationArena& memory) {
  const PatchRange all = PatchesOf({.first = 0, .count = grid.num_tokens()});
  TORCH_CHECK(patches.size(0) == all.count, "patches differ from the page's grid");
  const at::Tensor positions = PatchPositions(grid);
  const int64_t room = ops_.RoomFor(all.count);
  PageEncoding page = {.positions = memory.Take(2, all.count, at::kInt),
                       .rotary = RotaryOf(grid),
                       .hidden = memory.Take(all.count, config_.hidden_size),
                       .queries = memory.Take(room, config_.hidden_size),
                       .keys_values = {}};
  ops_.Write(page.positions,
             {positions.const_data_ptr<int32_t>(), static_cast<size_t>(positions.numel())});
  for (at::Tensor& keys_values : page.keys_values) {
    keys_values = memory.Take(room, 2 * config_.hidden_size);
    at::Tensor rest = keys_values.narrow(0, all.count, room - all.count);
    ops_.Clear(rest);
  }
  const int64_t piece = std::min(all.count, ops_.WideRows());
  ProjectionScratch scratch(config_, piece, scratch_);
  at::Tensor embedded = scratch_.Take(piece, config_.hidden_size);
  for (int64_t first = 0; first < all.count; first += piece) {
    const PatchRange part = {.first = first, .count = std::min(piece, all.count - first)};
    at::Tensor out = embedded.narrow(0, 0, part.count);
    at::Tensor hidden = page.hidden.narrow(0, part.first, part.count);
    ops_.Linear(out, patches.narrow(0, part.first, part.count), weights_.patch_embed);
    ops_.RmsNorm(hidden, out, weights_.post_conv_norm, config_.rms_norm_eps);
    const at::Tensor places = page.positions.narrow(1, part.first, part.count);
    ops_.AddPositionEmbedding(hidden, weights_.positions, places.select(0, 0), places.select(0, 1),
                              grid.rows * config_.merge_size, grid.cols * config_.merge_size);
    Project(0, part, page, scratch);
  }
  return page;
}

void VisionEncoder::RunLayer(int64_t layer, TokenRange tokens, PageEncoding& page) {
  const PatchRange patches = PatchesOf(tokens);
  scratch_.Reset();
  Attend(layer, patches, page);
  scratch_.Reset();
  Mlp(layer, patches, page);
  if (layer + 1 < config_.depth) {
    scratch_.Reset();
    ProjectionScratch scratch(config_, patches.count, scratch_);
    Project(layer + 1, patches, page, scratch);
  }
}

void VisionEncoder::Project(int64_t layer, PatchRange patches, PageEncoding& page,
                            ProjectionScratch& scratch) {
  const VisionBlockWeights& block = weights_.blocks[layer];
  at::Tensor normed = scratch.normed.narrow(0, 0, patches.count);
  ops_.RmsNorm(normed, page.hidden.narrow(0, patches.first, patches.count), block.norm1,
               config_.rms_norm_eps);
  at::Tensor projected = scratch.projected.narrow(0, 0, patches.count);
  ops_.Linear(projected, normed, block.qkv);
  const at::Tensor positions = page.positions.narrow(1, patches.first, patches.count);
  at::Tensor rotated = projected.narrow(1, 0, 2 * config_.hidden_size)
                           .view({patches.count, 2 * config_.num_heads, config_.head_dim});
  ops_.Rotary(rotated, positions, page.rotary);
  at::Tensor queries = page.queries.narrow(0, patches.first, patches.count);
  ops_.Copy(queries, projected.narrow(1, 0, config_.hidden_size));
  at::Tensor keys_values = page.keys_values[layer % 2].narrow(0, patches.first, patches.count);
  ops_.Copy(keys_values, projected.narrow(1, config_.hidden_size, 2 * config_.hidden_size));
}

void VisionEncoder::Attend(int64_t layer, PatchRange patches, PageEncoding& page) {
  const at::Tensor queries = page.queries.narrow(0, patches.first, patches.count);
  const at::Tensor keys_values = page.keys_values[layer % 2]
                                     .narrow(0, 0, page.hidden.size(0))
                                     .view({-1, 2, config_.num_heads, config_.head_dim});
  const at::Tensor room = scratch_.Take(ops_.RoomFor(patches.count), config_.hidden_size);
  at::Tensor attended = room.narrow(0, 0, patches.count);
  at::Tensor projected = scratch_.Take(patches.count, config_.hidden_size);
  const std::vector<int64_t> by_head = {patches.count, config_.num_heads, config_.head_dim};
  at::Tensor attended_by_head = attended.view(by_head);
  ops_.Attention(attended_by_head, queries.view(by_head), keys_values.select(1, 0),
                 keys_values.select(1, 1));
  ops_.Linear(projected, attended, weights_.blocks[layer].proj);
  at::Tensor hidden = page.hidden.narrow(0, patches.first, patches.count);
  ops_.Add(hidden, projected);
}

void VisionEncoder::Mlp(int64_t layer, PatchRange patches, PageEncoding& page) {
  const VisionBlockWeights& block = weights_.blocks[layer];
  at::Tensor hidden = page.hidden.narrow(0, patches.first, patches.count);
  at::Tensor normed = scratch_.Take(patches.count, config_.hidden_size);
  at::Tensor projected = scratch_.Take(patches.count, config_.hidden_size);
  ops_.RmsNorm(normed, hidden, block.norm2, config_.rms_norm_eps);
  SwiGlu(projected, normed, block.gate_up, block.down);
  ops_.Add(hidden, projected);
}

at::Tensor VisionEncoder::Merge(TokenRange tokens, const PageEncoding& page) {
  scratch_.Reset();
  const PatchRange patches = PatchesOf(tokens);
  at::Tensor normed = scratch_.Take(patches.count, config_.hidden_size);
  at::Tensor merged = scratch_.Take(tokens.count, config_.out_hidden_size);
  at::Tensor projected = scratch_.Take(tokens.count, config_.out_hidden_size);
  ops_.RmsNorm(normed, page.hidden.narrow(0, patches.first, patches.count), weights_.post_norm,
               config_.rms_norm_eps);
  ops_.Linear(merged, normed.view({tokens.count, -1}), weights_.downsample);
  ops_.Linear(projected, merged, weights_.merger_proj);
  ops_.LayerNorm(merged, projected, weights_.merger_norm_weight, weights_.merger_norm_bias,
                 kMergerNormEps);
  ops_.Gelu(merged);
  SwiGlu(projected, merged, weights_.merger_gate_up, weights_.merger_down);
  return projected;
}

}  // namespace glyph::vlm
