#pragma once
#include <math.h>

#include <cstdint>

#include "vlm_service/ops/cpu/lanes.h"

namespace glyph::vlm::cpu {
namespace {

// out[i] += factor * v[i]
template <typename T>
inline void ScaleAdd(float* out, float factor, const T* v, int64_t count) {
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) {
    const FloatRegister sum = Load(out + i) + factor * Load(v + i);
    __builtin_memcpy(out + i, &sum, sizeof(sum));
  }
  for (; i < count; ++i) {
    out[i] += factor * ToFloat(v[i]);
  }
}

// The running softmax of one KV head's query group: maxima, sums and unnormalised outputs.
struct SoftmaxState {
  float* q;       // [group, head_dim], scaled
  float* out;     // [group, head_dim]
  float* scores;  // [group, block_tokens]
  float* max;     // [group]
  float* sum;     // [group]
};

// Adds the first `tokens` tokens of one block. `k` and `v` are at the block's first token.
template <typename T>
inline void AddBlock(const PagedAttentionParams<T>& p, const SoftmaxState& state, const T* k,
                     const T* v, int64_t tokens) {
  const int64_t token_stride = p.kv_heads * p.head_dim;
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t g = 0; g < p.group; ++g) {
      state.scores[g * p.block_tokens + t] =
          Dot(state.q + g * p.head_dim, k + t * token_stride, p.head_dim);
    }
  }
  for (int64_t g = 0; g < p.group; ++g) {
    float* scores = state.scores + g * p.block_tokens;
    float new_max = state.max[g];
    for (int64_t t = 0; t < tokens; ++t) {
      new_max = scores[t] > new_max ? scores[t] : new_max;
    }
    const float correction = expf(state.max[g] - new_max);
    float* out = state.out + g * p.head_dim;
    for (int64_t i = 0; i < p.head_dim; ++i) {
      out[i] *= correction;
    }
    state.sum[g] *= correction;
    state.max[g] = new_max;
    for (int64_t t = 0; t < tokens; ++t) {
      const float weight = expf(scores[t] - new_max);
      state.sum[g] += weight;
      ScaleAdd(out, weight, v + t * token_stride, p.head_dim);
    }
  }
}

template <typename T>
inline void AttendGroup(const PagedAttentionParams<T>& p, int64_t row, int64_t kv_head,
                        const SoftmaxState& state) {
  const int64_t width = p.group * p.head_dim;
  const int64_t offset = (row * p.kv_heads + kv_head) * width;
  for (int64_t i = 0; i < width; ++i) {
    state.q[i] = ToFloat(p.q[offset + i]) * p.scale;
    state.out[i] = 0.0f;
  }
  for (int64_t g = 0; g < p.group; ++g) {
    state.max[g] = -INFINITY;
    state.sum[g] = 0.0f;
  }
  const int64_t block_stride = p.block_tokens * p.kv_heads * p.head_dim;
  for (int64_t done = 0; done < p.lengths[row]; done += p.block_tokens) {
    const int64_t left = p.lengths[row] - done;
    const int64_t at = p.blocks[row][done / p.block_tokens] * block_stride + kv_head * p.head_dim;
    AddBlock(p, state, p.k + at, p.v + at, left < p.block_tokens ? left : p.block_tokens);
  }
  for (int64_t i = 0; i < width; ++i) {
    p.out[offset + i] = Round<T>(state.out[i] / state.sum[i / p.head_dim]);
  }
}

template <typename T>
void PagedAttention(const PagedAttentionParams<T>& p, int64_t begin, int64_t end, float* scratch) {
  const int64_t width = p.group * p.head_dim;
  const SoftmaxState state = {
      .q = scratch,
      .out = scratch + width,
      .scores = scratch + 2 * width,
      .max = scratch + 2 * width + p.group * p.block_tokens,
      .sum = scratch + 2 * width + p.group * (p.block_tokens + 1),
  };
  for (int64_t task = begin; task < end; ++task) {
    AttendGroup(p, task / p.kv_heads, task % p.kv_heads, state);
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
