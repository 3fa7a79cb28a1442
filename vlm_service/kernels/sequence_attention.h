#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "vlm_service/kernels/element.h"

// Attention of many query rows. Scores and sums are float32; in bf16 the softmax's numerators are
// rounded before they meet V. head_dim is 64 or 128. In bf16 pointers are 16-byte aligned and
// strides multiples of 8 elements. cudaErrorInvalidValue for any other shape.
namespace glyph::vlm::kernels {

// Every row sees every token, as patches of a page do:
// out[r, h] = sum over t of softmax(scale * q[r, h] * k[t, h]) v[t, h].
struct FullAttentionParams {
  Element element = Element::kBFloat16;
  const void* q = nullptr;  // [rows, heads, head_dim]; strides in elements, head_dim dense
  int64_t q_row_stride = 0;
  int64_t q_head_stride = 0;
  const void* k = nullptr;  // [tokens, heads, head_dim]
  const void* v = nullptr;  // [tokens, heads, head_dim]
  int64_t kv_row_stride = 0;
  int64_t kv_head_stride = 0;
  void* out = nullptr;  // [rows, heads, head_dim]; not q, k or v
  int64_t out_row_stride = 0;
  int64_t out_head_stride = 0;
  int32_t rows = 0;
  int32_t tokens = 0;  // at least 1
  int32_t heads = 0;
  int32_t head_dim = 0;
  float scale = 0;
};
cudaError_t LaunchFullAttention(const FullAttentionParams& params, cudaStream_t stream);

// Rows *first, *first + 1, ... of one sequence, whose K and V are in the paged cache already; each
// row sees the tokens up to itself.
struct CausalPagedAttentionParams {
  Element element = Element::kBFloat16;
  const void* q = nullptr;  // [rows, heads, head_dim]; strides in elements, head_dim dense
  int64_t q_row_stride = 0;
  int64_t q_head_stride = 0;
  void* out = nullptr;  // [rows, heads, head_dim]; not q
  int64_t out_row_stride = 0;
  int64_t out_head_stride = 0;
  const void* k_cache = nullptr;   // [blocks, kv_heads, block_tokens, head_dim]
  const void* v_cache = nullptr;   // [blocks, kv_heads, block_tokens, head_dim]
  const int32_t* table = nullptr;  // on the device: entry i is the block of tokens i * block_tokens
  const int32_t* first = nullptr;  // [1] on the device, at least 0
  int32_t rows = 0;
  int32_t heads = 0;
  int32_t kv_heads = 0;  // divides heads
  int32_t head_dim = 0;
  int32_t block_tokens = 0;  // a multiple of 16
  float scale = 0;
};
cudaError_t LaunchCausalPagedAttention(const CausalPagedAttentionParams& params,
                                       cudaStream_t stream);

}  // namespace glyph::vlm::kernels
