#pragma once
#include <cstdint>

#include "ATen/core/Tensor.h"
#include "vlm_service/model/activation_arena.h"
#include "vlm_service/model/kv_storage.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/model/model_weights.h"
#include "vlm_service/ops/ops.h"

namespace glyph::vlm {

// The rows of one pass: the next token of several sequences, or a chunk of one's known tokens.
struct TextBatch {
  at::Tensor positions;                // [3, num_rows] int32: time, height, width
  at::Tensor cache_rows;               // [num_rows] int32: where the new keys and values go
  int64_t num_wanted = 0;              // the last rows, whose hidden states are asked for
  ops::PagedSequences sequences = {};  // what each row attends to; none when the rows are a chunk
  ops::PagedChunk chunk = {};
};

// The text model: embeddings in, next-token logits out. Holds no sequence state. Not thread-safe.
class TextDecoder {
 public:
  // `config`, `weights`, `kv`, `arena` and `ops` must outlive this.
  TextDecoder(const TextConfig& config, const TextWeights& weights, KvStorage& kv,
              ActivationArena& arena, at::ScalarType type, Ops& ops);

  // Runs every layer over hidden [num_rows, hidden_size], in place, and appends the rows' keys and
  // values. Returns the wanted rows; the last layer leaves the others as they are, since nothing
  // reads them. hidden is float32 whatever the model's type: rounding every addition to bfloat16
  // would be most of the model's error.
  at::Tensor Forward(const TextBatch& batch, at::Tensor& hidden);

  // Logits of hidden's rows: [num_rows, vocab_size].
  // Rows are independent sequences.
  at::Tensor Logits(const at::Tensor& hidden);

 private:
  struct Scratch;

  // Adds the attention of hidden's last `wanted` rows to them; the next norm's rows are the first
  // of scratch.normed.
  void Attention(const TextBatch& batch, int64_t layer, int64_t wanted, at::Tensor& hidden,
                 Scratch& scratch);
  void Mlp(int64_t layer, at::Tensor& hidden, Scratch& scratch);

  const TextConfig& config_;
  const TextWeights& weights_;
  KvStorage& kv_;
  ActivationArena& arena_;
  Ops& ops_;
  const ops::RotaryTable rotary_;
};

}  // namespace glyph::vlm
