#pragma once
#include <cstdint>

#include "vlm_service/kernels/sequence_attention.h"

// Where sequence attention finds K and V and what a row sees of them, so that its kernels are
// written once for dense and for paged ones.
namespace glyph::vlm::kernels {

template <typename T>
struct DenseSource {
  using Params = FullAttentionParams;
  const T* k;
  const T* v;
  int64_t row_stride;
  int32_t tokens;

  __device__ DenseSource(const Params& p, int head)
      : k(static_cast<const T*>(p.k) + head * p.kv_head_stride),
        v(static_cast<const T*>(p.v) + head * p.kv_head_stride),
        row_stride(p.kv_row_stride),
        tokens(p.tokens) {}

  // Tokens that a query row sees; they are the first ones.
  __device__ int Visible(int) const { return tokens; }
  // Element offset of a token's K and V; for any token that some row sees.
  __device__ int64_t Offset(int token) const { return token * row_stride; }
};

template <typename T>
struct PagedSource {
  using Params = CausalPagedAttentionParams;
  const T* k;
  const T* v;
  const int32_t* table;
  int64_t block_stride;
  int32_t block_tokens;
  int32_t head_dim;
  int32_t first;
  int32_t rows;

  __device__ PagedSource(const Params& p, int head)
      : table(p.table),
        block_stride(static_cast<int64_t>(p.kv_heads) * p.block_tokens * p.head_dim),
        block_tokens(p.block_tokens),
        head_dim(p.head_dim),
        first(*p.first),
        rows(p.rows) {
    const int64_t kv_head = head / (p.heads / p.kv_heads);
    k = static_cast<const T*>(p.k_cache) + kv_head * block_tokens * head_dim;
    v = static_cast<const T*>(p.v_cache) + kv_head * block_tokens * head_dim;
  }

  // Rows past the end, which no one reads, see what the last one does.
  __device__ int Visible(int row) const { return first + min(row, rows - 1) + 1; }
  __device__ int64_t Offset(int token) const {
    return table[token / block_tokens] * block_stride +
           static_cast<int64_t>(token % block_tokens) * head_dim;
  }
};

}  // namespace glyph::vlm::kernels
