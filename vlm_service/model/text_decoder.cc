#include "vlm_service/model/text_decoder.h"

#include <algorithm>

namespace glyph::vlm {
namespace {

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

// Intermediate tensors, shared by all layers of a pass. `normed` is what the next map reads.
struct TextDecoder::Scratch {
  at::Tensor normed, qkv, attended, projected;  // [num_rows, ...]
  at::Tensor gate_up, activated;                // [MLP rows, ...]

  Scratch(const TextConfig& config, int64_t rows, int64_t room, int64_t mlp_rows,
          ActivationArena& arena)
      : normed(arena.Take(rows, config.hidden_size)),
        qkv(arena.Take(room, (config.num_heads + 2 * config.num_kv_heads) * config.head_dim)
                .narrow(0, 0, rows)),
        attended(arena.Take(room, config.num_heads * config.head_dim).narrow(0, 0, rows)),
        projected(arena.Take(rows, config.hidden_size)),
        gate_up(arena.Take(mlp_rows, 2 * config.intermediate_size)),
        activated(arena.Take(mlp_rows, config.intermediate_size)) {}
};

TextDecoder::TextDecoder(const TextConfig& config, const TextWeights& weights, KvStorage& kv,
                         ActivationArena& arena, at::ScalarType type, Ops& ops)
    : config_(config),
      weights_(weights),
      kv_(kv),
      arena_(arena),
      ops_(ops),
      rotary_(ops.KeepRotary(MakeRotary(config, type))) {}

at::Tensor TextDecoder::Forward(const TextBatch& batch, at::Tensor& hidden) {
  const int64_t rows = hidden.size(0);
  Scratch scratch(config_, rows, ops_.RoomFor(rows), std::min(rows, ops_.WideRows()), arena_);
  ops_.RmsNorm(scratch.normed, hidden, weights_.layers.front().input_norm, config_.rms_norm_eps);
  for (int64_t layer = 0; layer + 1 < config_.num_layers; ++layer) {
    Attention(batch, layer, rows, hidden, scratch);
    Mlp(layer, hidden, scratch);
  }
  at::Tensor wanted = hidden.narrow(0, rows - batch.num_wanted, batch.num_wanted);
  Attention(batch, config_.num_layers - 1, batch.num_wanted, hidden, scratch);
  if (batch.num_wanted > 0) Mlp(config_.num_layers - 1, wanted, scratch);
  return wanted;
}

void TextDecoder::Attention(const TextBatch& batch, int64_t layer, int64_t wanted,
                            at::Tensor& hidden, Scratch& scratch) {
  const TextLayerWeights& weights = weights_.layers[layer];
  const int64_t rows = hidden.size(0);
  ops_.Linear(scratch.qkv, scratch.normed, weights.qkv);
  ops_.RotaryAppend(scratch.qkv, batch.positions, rotary_, batch.cache_rows, kv_.keys(layer),
                    kv_.values(layer));
  if (wanted == 0) return;
  const int64_t skipped = rows - wanted;
  const at::Tensor q = scratch.qkv.view({rows, -1, config_.head_dim})
                           .narrow(1, 0, config_.num_heads)
                           .narrow(0, skipped, wanted);
  at::Tensor attended = scratch.attended.narrow(0, 0, wanted);
  at::Tensor by_head = attended.view({wanted, config_.num_heads, config_.head_dim});
  if (batch.sequences.lengths.defined()) {
    ops_.PagedAttention(by_head, q, kv_.keys(layer), kv_.values(layer), batch.sequences);
  } else {
    ops_.ChunkAttention(by_head, q, kv_.keys(layer), kv_.values(layer),
                        {.blocks = batch.chunk.blocks, .first = batch.chunk.first + skipped});
  }
  at::Tensor projected = scratch.projected.narrow(0, 0, wanted);
  at::Tensor residual = hidden.narrow(0, skipped, wanted);
  at::Tensor normed = scratch.normed.narrow(0, 0, wanted);
  ops_.Linear(projected, attended, weights.o);
  ops_.AddRmsNormThenNorm(normed, residual, projected, weights.post_attention_norm,
                          weights.mlp_norm, config_.rms_norm_eps);
}

void TextDecoder::Mlp(int64_t layer, at::Tensor& hidden, Scratch& scratch) {
  const TextLayerWeights& weights = weights_.layers[layer];
  const int64_t rows = hidden.size(0);
  at::Tensor normed = scratch.normed.narrow(0, 0, rows);
  at::Tensor projected = scratch.projected.narrow(0, 0, rows);
  const int64_t step = scratch.gate_up.size(0);
  for (int64_t row = 0; row < rows; row += step) {
    const int64_t count = std::min(step, rows - row);
    at::Tensor gate_up = scratch.gate_up.narrow(0, 0, count);
    at::Tensor activated = scratch.activated.narrow(0, 0, count);
    at::Tensor out = projected.narrow(0, row, count);
    ops_.GatedLinear(activated, normed.narrow(0, row, count), weights.gate_up, gate_up);
    ops_.Linear(out, activated, weights.down);
  }
  if (layer + 1 == config_.num_layers) {
    ops_.AddRmsNorm(hidden, projected, weights.post_mlp_norm, config_.rms_norm_eps);
  } else {
    ops_.AddRmsNormThenNorm(normed, hidden, projected, weights.post_mlp_norm,
                            weights_.layers[layer + 1].input_norm, config_.rms_norm_eps);
  }
}

at::Tensor TextDecoder::Logits(const at::Tensor& hidden) {
  const int64_t rows = hidden.size(0);
  at::Tensor normed = arena_.Take(rows, config_.hidden_size);
  at::Tensor logits = arena_.Take(rows, config_.vocab_size);
  ops_.RmsNorm(normed, hidden, weights_.norm, config_.rms_norm_eps);
  ops_.Linear(logits, normed, weights_.head);
  return logits;
}

}  // namespace glyph::vlm
