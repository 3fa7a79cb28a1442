#pragma once
#include <math.h>

#include <cstdint>

#include "vlm_service/ops/cpu/lane_sums.h"
#include "vlm_service/ops/cpu/token_span.h"

namespace glyph::vlm::cpu {
namespace {

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
