#pragma once
#include <math.h>

#include <cstdint>

#include "vlm_service/ops/cpu/exponential.h"

// A few blocks' tokens of one sequence, from scores to a weighed sum of values.
namespace glyph::vlm::cpu {
namespace {

// Tokens that are weighed at once: runs of up to kLanes that lie together, with room for kLanes
// scores each. One maximum and one correction serve them all.
constexpr int64_t kSpanRuns = 4;
struct Span {
  int64_t num_runs;
  int64_t at[kSpanRuns];     // where the head's keys and values begin
  int64_t count[kSpanRuns];  // tokens
};

// The span of row `row` that begins at token `first`, which moves to its end.
template <typename T>
inline Span NextSpan(const PagedAttentionParams<T>& p, int64_t row, int64_t kv_head,
                     int64_t& first) {
  Span span = {};
  while (span.num_runs < kSpanRuns && first < p.lengths[row]) {
    const int64_t in_block = first % p.block_tokens;
    int64_t count = p.block_tokens - in_block;
    if (count > kLanes) count = kLanes;
    if (count > p.lengths[row] - first) count = p.lengths[row] - first;
    span.at[span.num_runs] = p.blocks[row][first / p.block_tokens] * p.kv_block_stride +
                             kv_head * p.kv_head_stride + in_block * p.kv_stride;
    span.count[span.num_runs++] = count;
    first += count;
  }
  return span;
}

inline float Largest(FloatRegister values) {
  float lanes[kWidth];
  Store(lanes, values);
  for (int64_t width = kWidth / 2; width > 0; width /= 2) {
    for (int64_t i = 0; i < width; ++i) {
      lanes[i] = lanes[i + width] > lanes[i] ? lanes[i + width] : lanes[i];
    }
  }
  return lanes[0];
}

// Turns a span's scores into weights, 0 where a run has no token; returns what their maximum makes
// of the sums and outputs before it.
inline float WeighSpan(float* scores, const Span& span, float& max, float& sum) {
  FloatRegister largest = FloatRegister{} + max;
  for (int64_t run = 0; run < span.num_runs; ++run) {
    for (int64_t i = span.count[run]; i < kLanes; ++i) scores[run * kLanes + i] = -INFINITY;
    for (int64_t i = 0; i < kLanes; i += kWidth) {
      const FloatRegister score = Load(scores + run * kLanes + i);
      largest = score > largest ? score : largest;
    }
  }
  const float new_max = Largest(largest);
  FloatRegister sums[kRegisters] = {};
  for (int64_t run = 0; run < span.num_runs; ++run) {
    for (int64_t i = 0; i < kRegisters; ++i) {
      float* at = scores + run * kLanes + i * kWidth;
      const FloatRegister weight = Exp(Load(at) - new_max);
      Store(at, weight);
      sums[i] += weight;
    }
  }
  const float correction = Exp(FloatRegister{} + (max - new_max))[0];
  sum = sum * correction + Sum(sums);
  max = new_max;
  return correction;
}

// out[i] = out[i] * factor + the span's values, weighed, for N registers of out.
template <int N, typename T>
inline void AddWeighted(float* out, float factor, const float* weights, const T* v, int64_t stride,
                        const Span& span) {
  FloatRegister sums[N];
  for (int n = 0; n < N; ++n) sums[n] = Load(out + n * kWidth) * factor;
  for (int64_t run = 0; run < span.num_runs; ++run) {
    const T* rows = v + span.at[run];
    for (int64_t t = 0; t < span.count[run]; ++t) {
      const float weight = weights[run * kLanes + t];
      for (int n = 0; n < N; ++n) sums[n] += weight * Load(rows + t * stride + n * kWidth);
    }
  }
  for (int n = 0; n < N; ++n) Store(out + n * kWidth, sums[n]);
}

// The same for every column.
template <typename T>
inline void AddValues(const PagedAttentionParams<T>& p, float* out, float factor,
                      const float* weights, const Span& span) {
  constexpr int kColumns = 4;  // registers of out at once
  int64_t i = 0;
  for (; i + kColumns * kWidth <= p.head_dim; i += kColumns * kWidth) {
    AddWeighted<kColumns>(out + i, factor, weights, p.v + i, p.kv_stride, span);
  }
  for (; i + kWidth <= p.head_dim; i += kWidth) {
    AddWeighted<1>(out + i, factor, weights, p.v + i, p.kv_stride, span);
  }
  for (; i < p.head_dim; ++i) {
    float value = out[i] * factor;
    for (int64_t run = 0; run < span.num_runs; ++run) {
      for (int64_t t = 0; t < span.count[run]; ++t) {
        value += weights[run * kLanes + t] * ToFloat(p.v[span.at[run] + t * p.kv_stride + i]);
      }
    }
    out[i] = value;
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
