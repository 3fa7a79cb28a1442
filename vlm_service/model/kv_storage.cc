#include "vlm_service/model/kv_storage.h"

#include "ATen/ops/empty.h"
#include "vlm_service/ops/rows.h"

namespace glyph::vlm {

KvStorage::KvStorage(const TextConfig& config, int64_t num_blocks, int64_t block_tokens,
                     at::ScalarType type)
    : num_bytes_(num_blocks * BlockBytes(config, block_tokens, type)) {
  // A layer's rows are indexed by int32.
  TORCH_CHECK(num_blocks * block_tokens <= INT32_MAX, "too many KV blocks: ", num_blocks);
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    const std::vector<int64_t> shape = {num_blocks, block_tokens, config.num_kv_heads,
                                        config.head_dim};
    keys_.push_back(at::empty(shape, at::dtype(type)));
    values_.push_back(at::empty(shape, at::dtype(type)));
  }
}

int64_t KvStorage::BlockBytes(const TextConfig& config, int64_t block_tokens, at::ScalarType type) {
  return 2 * config.num_layers * block_tokens * config.num_kv_heads * config.head_dim *
         static_cast<int64_t>(c10::elementSize(type));
}

void KvStorage::Append(int64_t layer, std::span<const int32_t> slots, const at::Tensor& k,
                       const at::Tensor& v) {
  at::Tensor key_rows = keys_[layer].view({-1, k.size(1)});
  at::Tensor value_rows = values_[layer].view({-1, v.size(1)});
  ops::ScatterRows(key_rows, slots, k);
  ops::ScatterRows(value_rows, slots, v);
}

void KvStorage::CopyBlock(int32_t from, int32_t to) {
  for (const std::vector<at::Tensor>* tensors : {&keys_, &values_}) {
    for (const at::Tensor& tensor : *tensors) {
      tensor.select(0, to).copy_(tensor.select(0, from));
    }
  }
}

}  // namespace glyph::vlm
