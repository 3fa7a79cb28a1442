#include "vlm_service/model/text_decoder.h"

#include <algorithm>

#include "vlm_service/ops/elementwise.h"
#include "vlm_service/ops/linear.h"
#include "vlm_service/ops/rows.h"

namespace glyph::vlm {
namespace {

// Rows whose MLP runs at once: bounds the widest intermediate.
constexpr int64_t kMlpRows = 1024;

// Frequencies belong to the axes in turn, section by section (recomposition_frequencies).
ops::RotaryTable MakeRotary(const TextConfig& config, at::ScalarType type) {
  std::vector<int32_t> axis;
  for (size_t section = 0; section < config.mrope_sections.size(); ++section) {
    axis.insert(axis.end(), config.mrope_sections[section], static_cast<int32_t>(section % 3));
  }
  return ops::MakeRotaryTable(ops::InverseFrequencies(config.rope_theta, config.rotary_dim),
                              config.max_position_embeddings, type, std::move(axis),
                              ops::RotaryPairs::kAdjacent);
}

}  // namespace

// Intermediate tensors, shared by all layers of a pass.
struct TextDecoder::Scratch {
  at::Tensor normed, qkv, attended, projected;  // [num_rows, ...]
  at::Tensor gate_up, activated;                // [MLP rows, ...]

  Scratch(const TextConfig& config, int64_t rows, int64_t mlp_rows, ActivationArena& arena)
      : normed(arena.Take(rows, config.hidden_size)),
        qkv(arena.Take(rows, (config.num_heads + 2 * config.num_kv_heads) * config.head_dim)),
        attended(arena.Take(rows, config.num_heads * config.head_dim)),
        projected(arena.Take(rows, config.hidden_size)),
        gate_up(arena.Take(mlp_rows, 2 * config.intermediate_size)),
        activated(arena.Take(mlp_rows, config.intermediate_size)) {}
};

TextDecoder::TextDecoder(const TextConfig& config, const TextWeights& weights, KvStorage& kv,
                         ActivationArena& arena, at::ScalarType type)
    : config_(config),
      weights_(weights),
      kv_(kv),
      arena_(arena),
      rotary_(MakeRotary(config, type)) {}

void TextDecoder::Embed(std::span<const int32_t> ids, at::Tensor& hidden) const {
  ops::GatherRows(hidden, weights_.embedding, ids);
}

at::Tensor TextDecoder::Forward(const TextBatch& batch, at::Tensor& hidden) {
  const int64_t rows = hidden.size(0);
  Scratch scratch(config_, rows, std::min(rows, kMlpRows), arena_);
  at::Tensor wanted = hidden.narrow(0, rows - batch.num_wanted, batch.num_wanted);
  for (int64_t layer = 0; layer + 1 < config_.num_layers; ++layer) {
    Attention(batch, layer, rows, hidden, scratch);
    Mlp(weights_.layers[layer], hidden, scratch);
  }
  const int64_t last = config_.num_layers - 1;
  Attention(batch, last, batch.num_wanted, hidden, scratch);
  if (batch.num_wanted > 0) Mlp(weights_.layers[last], wanted, scratch);
  return wanted;
}

void TextDecoder::Attention(const TextBatch& batch, int64_t layer, int64_t wanted,
                            at::Tensor& hidden, Scratch& scratch) {
  const TextLayerWeights& weights = weights_.layers[layer];
  const int64_t rows = hidden.size(0);
  ops::RmsNorm(scratch.normed, hidden, weights.input_norm, config_.rms_norm_eps);
  ops::Linear(scratch.qkv, scratch.normed, weights.qkv);
  const int64_t rotated_heads = config_.num_heads + config_.num_kv_heads;
  const int64_t kv_width = config_.num_kv_heads * config_.head_dim;
  const at::Tensor qkv = scratch.qkv.view({rows, -1, config_.head_dim});
  at::Tensor qk = qkv.narrow(1, 0, rotated_heads);
  ops::Rotary(qk, batch.positions, rotary_);
  kv_.Append(layer, batch.slots,
             scratch.qkv.narrow(1, config_.num_heads * config_.head_dim, kv_width),
             scratch.qkv.narrow(1, rotated_heads * config_.head_dim, kv_width));
  if (wanted == 0) return;
  const int64_t skipped = rows - wanted;
  const at::Tensor q = qkv.narrow(1, 0, config_.num_heads).narrow(0, skipped, wanted);
  at::Tensor attended = scratch.attended.narrow(0, 0, wanted);
  at::Tensor by_head = attended.view({wanted, config_.num_heads, config_.head_dim});
  if (batch.sequences.lengths.empty()) {
    ops::ChunkAttention(by_head, q, kv_.keys(layer), kv_.values(layer),
                        {.blocks = batch.chunk.blocks, .first = batch.chunk.first + skipped});
  } else {
    ops::PagedAttention(by_head, q, kv_.keys(layer), kv_.values(layer), batch.sequences);
  }
  at::Tensor projected = scratch.projected.narrow(0, 0, wanted);
  at::Tensor residual = hidden.narrow(0, skipped, wanted);
  ops::Linear(projected, attended, weights.o);
  ops::AddRmsNorm(residual, projected, weights.post_attention_norm, config_.rms_norm_eps);
}

void TextDecoder::Mlp(const TextLayerWeights& weights, at::Tensor& hidden, Scratch& scratch) {
  const int64_t rows = hidden.size(0);
  at::Tensor normed = scratch.normed.narrow(0, 0, rows);
  at::Tensor projected = scratch.projected.narrow(0, 0, rows);
  ops::RmsNorm(normed, hidden, weights.mlp_norm, config_.rms_norm_eps);
  const int64_t step = scratch.gate_up.size(0);
  for (int64_t row = 0; row < rows; row += step) {
    const int64_t count = std::min(step, rows - row);
    at::Tensor gate_up = scratch.gate_up.narrow(0, 0, count);
    at::Tensor activated = scratch.activated.narrow(0, 0, count);
    at::Tensor out = projected.narrow(0, row, count);
    ops::Linear(gate_up, normed.narrow(0, row, count), weights.gate_up);
    ops::SiluMul(activated, gate_up.narrow(1, 0, config_.intermediate_size),
                 gate_up.narrow(1, config_.intermediate_size, config_.intermediate_size));
    ops::Linear(out, activated, weights.down);
  }
  ops::AddRmsNorm(hidden, projected, weights.post_mlp_norm, config_.rms_norm_eps);
}

at::Tensor TextDecoder::Logits(const at::Tensor& hidden) {
  const int64_t rows = hidden.size(0);
  at::Tensor normed = arena_.Take(rows, config_.hidden_size);
  at::Tensor logits = arena_.Take(rows, config_.vocab_size);
  ops::RmsNorm(normed, hidden, weights_.norm, config_.rms_norm_eps);
  ops::Linear(logits, normed, weights_.head);
  return logits.to(at::kFloat);
}

}  // namespace glyph::vlm
