#include "vlm_service/model/kv_storage.h"

#include <sys/mman.h>

#include "ATen/ops/empty.h"
#include "vlm_service/ops/rows.h"

namespace glyph::vlm {
namespace {

// A decode step reads blocks from all over the pool. Best effort: the kernel may refuse.
void AskForHugePages(const at::Tensor& tensor) {
  constexpr uintptr_t kHugePage = 1 << 21;
  const auto begin = reinterpret_cast<uintptr_t>(tensor.data_ptr());
  const uintptr_t first = (begin + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t end = (begin + tensor.nbytes()) / kHugePage * kHugePage;
  if (first < end) madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
}

}  // namespace

KvStorage::KvStorage(const TextConfig& config, int64_t num_blocks, int64_t block_tokens,
                     at::ScalarType type)
    : num_bytes_(num_blocks * BlockBytes(config, block_tokens, type)) {
  // A layer's rows are indexed by int32.
  TORCH_CHECK(num_blocks * block_tokens * config.num_kv_heads <= INT32_MAX,
              "too many KV blocks: ", num_blocks);
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    for (std::vector<at::Tensor>* tensors : {&keys_, &values_}) {
      tensors->push_back(at::empty({num_blocks, config.num_kv_heads, block_tokens, config.head_dim},
                                   at::dtype(type)));
      AskForHugePages(tensors->back());
    }
  }
}

int64_t KvStorage::BlockBytes(const TextConfig& config, int64_t block_tokens, at::ScalarType type) {
  return 2 * config.num_layers * block_tokens * config.num_kv_heads * config.head_dim *
         static_cast<int64_t>(c10::elementSize(type));
}

void KvStorage::Append(int64_t layer, std::span<const int32_t> slots, const at::Tensor& k,
                       const at::Tensor& v) {
  const int64_t heads = keys_[layer].size(1);
  const int64_t block_tokens = keys_[layer].size(2);
  const int64_t head_dim = keys_[layer].size(3);
  at::Tensor key_rows = keys_[layer].view({-1, head_dim});
  at::Tensor value_rows = values_[layer].view({-1, head_dim});
  std::vector<int32_t> rows(slots.size());
  for (int64_t head = 0; head < heads; ++head) {
    for (size_t i = 0; i < slots.size(); ++i) {
      rows[i] = static_cast<int32_t>((slots[i] / block_tokens * heads + head) * block_tokens +
                                     slots[i] % block_tokens);
    }
    ops::ScatterRows(key_rows, rows, k.narrow(1, head * head_dim, head_dim));
    ops::ScatterRows(value_rows, rows, v.narrow(1, head * head_dim, head_dim));
  }
}

void KvStorage::CopyBlock(int32_t from, int32_t to) {
  for (const std::vector<at::Tensor>* tensors : {&keys_, &values_}) {
    for (const at::Tensor& tensor : *tensors) {
      tensor.select(0, to).copy_(tensor.select(0, from));
    }
  }
}

}  // namespace glyph::vlm
