#pragma once
#include <cstdint>

#include "ATen/core/Tensor.h"

// Attention: out = softmax(q k^T / sqrt(head_dim)) v. Query heads are a multiple of KV heads, and
// query head h reads KV head h / (heads / kv_heads). A row's result depends neither on the other
// rows of a call nor on how many they are.
namespace glyph::vlm::ops {

// Every row of q sees every token of k and v: a page, whole or in parts. q and out [rows, heads,
// head_dim], rows may be strided; k and v [tokens, kv_heads, head_dim] with the same strides,
// head_dim dense.
void Attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

// Where rows that follow one another in one sequence stand.
struct PagedChunk {
  // [blocks] int32: block table. Entries beyond the sequence's tokens name blocks too, at least as
  // many as it has.
  at::Tensor blocks;
  int64_t first = 0;  // index of the first row
};

// Causal: each row sees the cache up to itself, its own key and value included. q and out [rows,
// heads, head_dim]; k_cache and v_cache [blocks, kv_heads, block_tokens, head_dim] dense.
void ChunkAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                    const at::Tensor& v_cache, const PagedChunk& chunk);

// The cached tokens of the sequences of a decode step.
struct PagedSequences {
  at::Tensor tables;   // [rows, max blocks] int32: block tables
  at::Tensor lengths;  // [rows] int32: tokens, the new one included; 0: padding
};

// Attention of one new token a row over its own cache. q and out [rows, heads, head_dim], out
// dense; k_cache and v_cache [blocks, kv_heads, block_tokens, head_dim].
void PagedAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                    const at::Tensor& v_cache, const PagedSequences& sequences);

}  // namespace glyph::vlm::ops
