#pragma once
#include <math.h>

#include <cstdint>

#include "vlm_service/ops/cpu/exponential.h"
#include "vlm_service/ops/cpu/lane_sums.h"

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

// Asks for the part of a run that falls to query head g: a few lines beside every piece of work,
// as many as the processor can wait for.
template <typename T>
inline void PrefetchShare(const PagedAttentionParams<T>& p, const Span& span, int64_t run,
                          int64_t g) {
  const int64_t first = span.count[run] * g / p.group;
  const int64_t count = span.count[run] * (g + 1) / p.group - first;
  const int64_t at = span.at[run] + first * p.kv_stride;
  PrefetchRows(p.k + at, p.kv_stride, count, p.head_dim);
  PrefetchRows(p.v + at, p.kv_stride, count, p.head_dim);
}

// One row's query heads of one KV head. `scratch` holds PagedAttentionScratch floats.
template <typename T>
inline void AttendGroup(const PagedAttentionParams<T>& p, int64_t row, int64_t kv_head,
                        float* scratch) {
  const int64_t width = p.group * p.head_dim;
  float* q = scratch;
  float* outs = scratch + width;
  float* max = scratch + 2 * width;
  float* sum = max + p.group;
  const T* row_q = p.q + row * p.q_stride + kv_head * width;
  for (int64_t i = 0; i < width; ++i) {
    q[i] = ToFloat(row_q[i]) * p.scale;
    outs[i] = 0.0f;
  }
  for (int64_t g = 0; g < p.group; ++g) {
    max[g] = -INFINITY;
    sum[g] = 0.0f;
  }
  int64_t first = 0;
  for (Span next = NextSpan(p, row, kv_head, first); next.num_runs > 0;) {
    const Span span = next;
    next = NextSpan(p, row, kv_head, first);
    for (int64_t g = 0; g < p.group; ++g) {
      float scores[kSpanRuns * kLanes];
      for (int64_t run = 0; run < span.num_runs; ++run) {
        PrefetchShare(p, next, run, g);
        DotRows(scores + run * kLanes, q + g * p.head_dim, p.k + span.at[run], p.kv_stride,
                span.count[run], p.head_dim);
      }
      const float correction = WeighSpan(scores, span, max[g], sum[g]);
      AddValues(p, outs + g * p.head_dim, correction, scores, span);
    }
  }
  T* out = p.out + (row * p.kv_heads + kv_head) * width;
  for (int64_t i = 0; i < width; ++i) {
    out[i] = Round<T>(outs[i] / sum[i / p.head_dim]);
  }
}

template <typename T>
void PagedAttention(const PagedAttentionParams<T>& p, int64_t begin, int64_t end, float* scratch) {
  for (int64_t task = begin; task < end; ++task) {
    AttendGroup(p, task / p.kv_heads, task % p.kv_heads, scratch);
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
