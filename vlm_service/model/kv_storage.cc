#include "vlm_service/model/kv_storage.h"

namespace glyph::vlm {

KvStorage::KvStorage(const TextConfig& config, int64_t num_blocks, int64_t block_tokens,
                     at::ScalarType type, Ops& ops)
    : ops_(ops), num_bytes_(num_blocks * BlockBytes(config, block_tokens, type)) {
  // A layer's rows are indexed by int32.
  TORCH_CHECK(num_blocks * block_tokens * config.num_kv_heads <= INT32_MAX,
              "too many KV blocks: ", num_blocks);
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    for (std::vector<at::Tensor>* tensors : {&keys_, &values_}) {
      tensors->push_back(ops.Allocate(
          "kv", {num_blocks, config.num_kv_heads, block_tokens, config.head_dim}, type));
    }
  }
}

int64_t KvStorage::BlockBytes(const TextConfig& config, int64_t block_tokens, at::ScalarType type) {
  return 2 * config.num_layers * block_tokens * config.num_kv_heads * config.head_dim *
         static_cast<int64_t>(c10::elementSize(type));
}

void KvStorage::CopyBlock(int32_t from, int32_t to) {
  for (const std::vector<at::Tensor>* tensors : {&keys_, &values_}) {
    for (const at::Tensor& tensor : *tensors) {
      at::Tensor target = tensor.select(0, to);
      ops_.Copy(target, tensor.select(0, from));
    }
  }
}

void KvStorage::ClearBlock(int32_t block) {
  for (const std::vector<at::Tensor>* tensors : {&keys_, &values_}) {
    for (const at::Tensor& tensor : *tensors) {
      at::Tensor target = tensor.select(0, block);
      ops_.Clear(target);
    }
  }
}

}  // namespace glyph::vlm
