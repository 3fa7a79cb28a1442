#pragma once
#include <cstdint>
#include <span>

#include "ATen/core/Tensor.h"

namespace glyph::vlm::ops {

enum class AttentionMask { kFull, kCausal };

// Attention within one sequence: out = softmax(q k^T / sqrt(head_dim)) v. q and out [tokens, heads,
// head_dim], k and v [tokens, kv_heads, head_dim]; heads is a multiple of kv_heads and query head h
// reads KV head h / (heads / kv_heads). The last axis is dense.
void Attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
               AttentionMask mask);

// The cached tokens of the sequences of a decode step.
struct PagedSequences {
  std::span<const int32_t* const> blocks;  // [rows] block tables
  std::span<const int64_t> lengths;        // [rows] tokens, the new one included
};

// Attention of one new token a row over its own cache, whatever the other rows are. q and out
// [rows, heads, head_dim] dense; k_cache and v_cache [blocks, block_tokens, kv_heads, head_dim].
void PagedAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                    const at::Tensor& v_cache, const PagedSequences& sequences);

}  // namespace glyph::vlm::ops
