#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "vlm_service/kernels/element.h"

namespace glyph::vlm::kernels {

// Tokens of one row that are attended to as one piece. A row's pieces are joined in a fixed order,
// so that its result depends on no other row of the batch, nor on the GPU's size.
inline constexpr int32_t kDecodeChunkTokens = 256;

// Attention of one new token a row to its own sequence in the paged cache. Every sequence is cut
// into chunks; a fixed number of CTAs shares the chunks of all rows and all KV heads, read from
// `lengths` on the device, so one captured graph serves any lengths.
//
//   PagedDecodeAttentionParams params{.element = Element::kBFloat16, .q = qkv, ...};
//   LaunchPagedDecodeAttention(params, stream);
struct PagedDecodeAttentionParams {
  Element element = Element::kBFloat16;  // of q, out and the caches
  const void* q = nullptr;        // [rows, heads, head_dim], rows q_row_stride elements apart
  int64_t q_row_stride = 0;       // even
  void* out = nullptr;            // [rows, heads, head_dim]; 16-byte aligned
  const void* k_cache = nullptr;  // [blocks, kv_heads, block_tokens, head_dim]; 16-byte aligned
  const void* v_cache = nullptr;  // likewise
  // [rows, table_stride] on the device: entry i is the block of tokens i * block_tokens and on.
  // Only entries below a row's length are read.
  const int32_t* tables = nullptr;
  int64_t table_stride = 0;
  // [rows] on the device, the new token included; a row of length 0 is padding and gets zeros.
  const int32_t* lengths = nullptr;
  int32_t rows = 0;
  int32_t heads = 0;
  int32_t kv_heads = 0;      // divides heads, into groups of at most 16
  int32_t head_dim = 0;      // 64 or 128
  int32_t block_tokens = 0;  // a multiple of 16
  float scale = 0;           // of q * k, 1 / sqrt(head_dim)
  // PagedDecodeWorkspaceBytes(max_chunks, ...) bytes, 16-byte aligned, zeroed once before the first
  // launch. Launches of one stream may share it, if they agree on max_chunks and the shape.
  void* workspace = nullptr;
  // At least rows + 1. A batch of more chunks than this takes longer chunks: still right, but a
  // row's last bits may then depend on how many tokens the batch has.
  int32_t max_chunks = 0;
  int32_t num_ctas = 0;  // 0: three for each multiprocessor
};

// For `max_chunks` = the sum over rows of length / kDecodeChunkTokens, rounded up.
int64_t PagedDecodeWorkspaceBytes(int32_t max_chunks, int32_t heads, int32_t kv_heads,
                                  int32_t head_dim);

// cudaErrorInvalidValue where the shape is none of those above.
cudaError_t LaunchPagedDecodeAttention(const PagedDecodeAttentionParams& params,
                                       cudaStream_t stream);

}  // namespace glyph::vlm::kernels
