#pragma once
#include <cstdint>
#include <span>

#include "ATen/core/Tensor.h"
#include "vlm_service/model/activation_arena.h"
#include "vlm_service/model/kv_storage.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/model/model_weights.h"
#include "vlm_service/ops/attention.h"
#include "vlm_service/ops/rotary.h"

namespace glyph::vlm {

// The rows of one pass: the next token of several sequences, or a chunk of one's known tokens.
struct TextBatch {
  at::Tensor positions;                // [3, num_rows] int32: time, height, width
  std::span<const int32_t> slots;      // [num_rows] cache rows the new keys and values go to
  int64_t num_wanted = 0;              // the last rows, whose hidden states are asked for
  ops::PagedSequences sequences = {};  // what each row attends to; none when the rows are a chunk
  ops::PagedChunk chunk = {};
};

// The text model: embeddings in, next-token logits out. Holds no sequence state. Not thread-safe.
class TextDecoder {
 public:
  // `weights`, `kv` and `arena` must outlive this.
  TextDecoder(const TextConfig& config, const TextWeights& weights, KvStorage& kv,
              ActivationArena& arena, at::ScalarType type);

  // hidden [num_rows, hidden_size]: the embeddings of `ids`.
  void Embed(std::span<const int32_t> ids, at::Tensor& hidden) const;

  // Runs every layer over hidden, in place, and appends the rows' keys and values. Returns the
  // wanted rows; the last layer leaves the others as they are, since nothing reads them.
  at::Tensor Forward(const TextBatch& batch, at::Tensor& hidden);

  // Logits of hidden's rows: [num_rows, vocab_size] float32, rounded to the model's type before.
  // Rows are independent sequences.
  at::Tensor Logits(const at::Tensor& hidden);

 private:
  struct Scratch;

  // Adds the attention of hidden's last `wanted` rows to them.
  void Attention(const TextBatch& batch, int64_t layer, int64_t wanted, at::Tensor& hidden,
                 Scratch& scratch);
  void Mlp(const TextLayerWeights& layer, at::Tensor& hidden, Scratch& scratch);

  const TextConfig& config_;
  const TextWeights& weights_;
  KvStorage& kv_;
  ActivationArena& arena_;
  const ops::RotaryTable rotary_;
};

}  // namespace glyph::vlm
