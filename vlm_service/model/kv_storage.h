#pragma once
#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/ops/ops.h"

namespace glyph::vlm {

// The memory behind block ids: keys (after rotary) and values of every layer. Token t of a sequence
// lies in row blocks[t / block_tokens] * block_tokens + t % block_tokens. A head's tokens of a
// block lie together, as a decode step reads them. On a GPU it starts as zeros: attention may
// multiply what lies behind a sequence's end by zero.
class KvStorage {
 public:
  KvStorage(const TextConfig& config, int64_t num_blocks, int64_t block_tokens, at::ScalarType type,
            Ops& ops);

  // Bytes of one block over all layers.
  static int64_t BlockBytes(const TextConfig& config, int64_t block_tokens, at::ScalarType type);

  // [num_blocks, kv_heads, block_tokens, head_dim]
  at::Tensor& keys(int64_t layer) { return keys_[layer]; }
  at::Tensor& values(int64_t layer) { return values_[layer]; }

  // Copies all keys and values of a block.
  void CopyBlock(int32_t from, int32_t to);

  // Zeros all keys and values of a block.
  void ClearBlock(int32_t block);

  int64_t num_bytes() const { return num_bytes_; }

 private:
  Ops& ops_;
  std::vector<at::Tensor> keys_;  // [layers]
  std::vector<at::Tensor> values_;
  int64_t num_bytes_ = 0;
};

}  // namespace glyph::vlm
