#pragma once
#include <math.h>

#include <cstdint>

#include "vlm_service/ops/cpu/exponential.h"
#include "vlm_service/ops/cpu/lane_sums.h"

namespace glyph::vlm::cpu {
namespace {

// out[i] = out[i] * factor + sum_t weights[t] * rows[t * stride + i], for N registers of out.
template <int N, typename T>
inline void AddWeighted(float* out, float factor, const float* weights, const T* rows,
                        int64_t stride, int64_t count) {
  FloatRegister sums[N];
  for (int n = 0; n < N; ++n) sums[n] = Load(out + n * kWidth) * factor;
  for (int64_t t = 0; t < count; ++t) {
    for (int n = 0; n < N; ++n) sums[n] += weights[t] * Load(rows + t * stride + n * kWidth);
  }
  for (int n = 0; n < N; ++n) Store(out + n * kWidth, sums[n]);
}

// The running softmax of one KV head's query group: maxima, sums and unnormalised outputs.
struct SoftmaxState {
  float* q;    // [group, head_dim], scaled
  float* out;  // [group, head_dim]
  float* max;  // [group]
  float* sum;  // [group]
};

// Turns the scores of `count` tokens into weights; returns what their maximum makes of the sums and
// outputs before it. The weights from `count` to kLanes are 0.
inline float WeighTokens(float* scores, int64_t count, float& max, float& sum) {
  for (int64_t t = count; t < kLanes; ++t) scores[t] = -INFINITY;
  float new_max = max;
  for (int64_t t = 0; t < count; ++t) new_max = scores[t] > new_max ? scores[t] : new_max;
  FloatRegister weights[kRegisters];
  for (int64_t i = 0; i < kRegisters; ++i) {
    weights[i] = Exp(Load(scores + i * kWidth) - new_max);
    Store(scores + i * kWidth, weights[i]);
  }
  const float correction = Exp(FloatRegister{} + (max - new_max))[0];
  sum = sum * correction + Sum(weights);
  max = new_max;
  return correction;
}

// Adds `tokens` tokens of one block, at most kLanes. `k` and `v` are at the first of them.
template <typename T>
inline void AddTokens(const PagedAttentionParams<T>& p, const SoftmaxState& state, const T* k,
                      const T* v, int64_t tokens) {
  constexpr int kColumns = 4;  // registers of out at once
  const int64_t stride = p.kv_heads * p.head_dim;
  for (int64_t g = 0; g < p.group; ++g) {
    float scores[kLanes];
    DotRows(scores, state.q + g * p.head_dim, k, stride, tokens, p.head_dim);
    const float correction = WeighTokens(scores, tokens, state.max[g], state.sum[g]);
    float* out = state.out + g * p.head_dim;
    int64_t i = 0;
    for (; i + kColumns * kWidth <= p.head_dim; i += kColumns * kWidth) {
      AddWeighted<kColumns>(out + i, correction, scores, v + i, stride, tokens);
    }
    for (; i + kWidth <= p.head_dim; i += kWidth) {
      AddWeighted<1>(out + i, correction, scores, v + i, stride, tokens);
    }
    for (; i < p.head_dim; ++i) {
      float value = out[i] * correction;
      for (int64_t t = 0; t < tokens; ++t) value += scores[t] * ToFloat(v[t * stride + i]);
      out[i] = value;
    }
  }
}

template <typename T>
inline void AttendGroup(const PagedAttentionParams<T>& p, int64_t row, int64_t kv_head,
                        const SoftmaxState& state) {
  const int64_t width = p.group * p.head_dim;
  const T* q = p.q + row * p.q_stride + kv_head * width;
  for (int64_t i = 0; i < width; ++i) {
    state.q[i] = ToFloat(q[i]) * p.scale;
    state.out[i] = 0.0f;
  }
  for (int64_t g = 0; g < p.group; ++g) {
    state.max[g] = -INFINITY;
    state.sum[g] = 0.0f;
  }
  const int64_t stride = p.kv_heads * p.head_dim;
  const auto at = [&](int64_t token) {
    return (p.blocks[row][token / p.block_tokens] * p.block_tokens + token % p.block_tokens) *
               stride +
           kv_head * p.head_dim;
  };
  const int64_t length = p.lengths[row];
  const int64_t step = p.block_tokens < kLanes ? p.block_tokens : kLanes;
  for (int64_t block = 0; block < length; block += p.block_tokens) {
    const int64_t end = length - block < p.block_tokens ? length : block + p.block_tokens;
    if (end < length) {
      PrefetchRows(p.k + at(end), stride, p.block_tokens, p.head_dim);
      PrefetchRows(p.v + at(end), stride, p.block_tokens, p.head_dim);
    }
    for (int64_t token = block; token < end; token += step) {
      AddTokens(p, state, p.k + at(token), p.v + at(token),
                end - token < step ? end - token : step);
    }
  }
  T* out = p.out + (row * p.kv_heads + kv_head) * width;
  for (int64_t i = 0; i < width; ++i) {
    out[i] = Round<T>(state.out[i] / state.sum[i / p.head_dim]);
  }
}

template <typename T>
void PagedAttention(const PagedAttentionParams<T>& p, int64_t begin, int64_t end, float* scratch) {
  const int64_t width = p.group * p.head_dim;
  const SoftmaxState state = {
      .q = scratch,
      .out = scratch + width,
      .max = scratch + 2 * width,
      .sum = scratch + 2 * width + p.group,
  };
  for (int64_t task = begin; task < end; ++task) {
    AttendGroup(p, task / p.kv_heads, task % p.kv_heads, state);
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
