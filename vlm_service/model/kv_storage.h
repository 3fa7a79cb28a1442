#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ATen/core/Tensor.h"
#include "vlm_service/model/model_config.h"

namespace glyph::vlm {

// The memory behind block ids: keys (after rotary) and values of every layer. Token t of a sequence
// lies in row blocks[t / block_tokens] * block_tokens + t % block_tokens. A head's tokens of a
// block lie together, as a decode step reads them.
class KvStorage {
 public:
  KvStorage(const TextConfig& config, int64_t num_blocks, int64_t block_tokens,
            at::ScalarType type);

  // Bytes of one block over all layers.
  static int64_t BlockBytes(const TextConfig& config, int64_t block_tokens, at::ScalarType type);

  // [num_blocks, kv_heads, block_tokens, head_dim]
  const at::Tensor& keys(int64_t layer) const { return keys_[layer]; }
  const at::Tensor& values(int64_t layer) const { return values_[layer]; }

  // Writes k and v [rows, kv_heads * head_dim] at the cache rows `slots`.
  void Append(int64_t layer, std::span<const int32_t> slots, const at::Tensor& k,
              const at::Tensor& v);

  // Copies all keys and values of a block.
  void CopyBlock(int32_t from, int32_t to);

  int64_t num_bytes() const { return num_bytes_; }

 private:
  std::vector<at::Tensor> keys_;  // [layers]
  std::vector<at::Tensor> values_;
  int64_t num_bytes_ = 0;
};

}  // namespace glyph::vlm
