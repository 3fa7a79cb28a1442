#pragma once
#include <math.h>

#include <cstdint>

#include "vlm_service/ops/cpu/float_rows.h"
#include "vlm_service/ops/cpu/lane_product.h"
#include "vlm_service/ops/cpu/lane_softmax.h"

namespace glyph::vlm::cpu {
namespace {

// Where a lane's query and output begin, in rows of `stride` elements.
template <typename T>
inline int64_t LaneOffset(const SequenceAttentionParams<T>& p, int64_t kv_head, int64_t lane,
                          int64_t stride) {
  return lane / p.group * stride + (kv_head * p.group + lane % p.group) * p.head_dim;
}

// Lanes without a pair repeat the last one.
template <typename T, int G>
inline void LoadLanes(const SequenceAttentionParams<T>& p, int64_t kv_head, int64_t begin,
                      int64_t count, LaneState<G>& state) {
  constexpr int64_t kRowWidth = G * kLanes;
  for (int64_t i = 0; i < kRowWidth; ++i) {
    const int64_t lane = begin + (i < count ? i : count - 1);
    const T* q = p.q + LaneOffset(p, kv_head, lane, p.q_stride);
    for (int64_t d = 0; d < p.head_dim; ++d) {
      state.q[d * kRowWidth + i] = ToFloat(q[d]) * p.scale;
      state.out[d * kRowWidth + i] = 0.0f;
    }
    state.last[i] = static_cast<float>(p.first + lane / p.group);
    state.max[i] = -INFINITY;
    state.sum[i] = 0.0f;
  }
}

// The first element that head `kv_head` has of the tokens from `start` on, `start` being where a
// block begins.
template <typename T>
inline int64_t KvOffset(const SequenceAttentionParams<T>& p, int64_t kv_head, int64_t start) {
  const int64_t block = start / p.block_tokens;
  return (p.blocks == nullptr ? block : p.blocks[block]) * p.kv_block_stride +
         kv_head * p.kv_head_stride;
}

template <typename T, int G>
inline void AttendLanes(const SequenceAttentionParams<T>& p, int64_t kv_head, int64_t begin,
                        int64_t count, float* scratch) {
  constexpr int64_t kRowWidth = G * kLanes;
  constexpr int64_t kAhead = 2;  // blocks from the one that is read to the one that is asked for
  LaneState<G> state;
  state.q = scratch;
  state.out = state.q + p.head_dim * kRowWidth;
  state.scores = state.out + p.head_dim * kRowWidth;
  state.copy = state.scores + p.block_tokens * kRowWidth;
  LoadLanes(p, kv_head, begin, count, state);
  const int64_t seen = p.first + (begin + count - 1) / p.group + 1;
  const int64_t end = seen < p.tokens ? seen : p.tokens;
  for (int64_t start = 0; start < end; start += p.block_tokens) {
    const int64_t tokens = end - start < p.block_tokens ? end - start : p.block_tokens;
    const int64_t at = KvOffset(p, kv_head, start);
    if (p.blocks != nullptr && start + kAhead * p.block_tokens < end) {
      const int64_t next = KvOffset(p, kv_head, start + kAhead * p.block_tokens);
      PrefetchRows(p.k + next, p.kv_stride, p.block_tokens, p.head_dim);
      PrefetchRows(p.v + next, p.kv_stride, p.block_tokens, p.head_dim);
    }
    const Rows<float> keys = FloatRows(p.k + at, p.kv_stride, tokens, p.head_dim, state.copy);
    Multiply<G>(state.scores, nullptr, {keys.data, keys.stride, 1}, state.q, tokens, p.head_dim);
    Weigh(state, start, tokens);
    const Rows<float> values = FloatRows(p.v + at, p.kv_stride, tokens, p.head_dim, state.copy);
    Multiply<G>(state.out, state.correction, {values.data, 1, values.stride}, state.scores,
                p.head_dim, tokens);
  }
  for (int64_t i = 0; i < count; ++i) {
    T* out = p.out + LaneOffset(p, kv_head, begin + i, p.out_stride);
    for (int64_t d = 0; d < p.head_dim; ++d) {
      out[d] = Round<T>(state.out[d * kRowWidth + i] / state.sum[i]);
    }
  }
}

template <typename T>
void SequenceAttention(const SequenceAttentionParams<T>& p, int64_t begin, int64_t end,
                       float* scratch) {
  const int64_t lanes = p.rows * p.group;
  const int64_t tiles = (lanes + kTaskLanes - 1) / kTaskLanes;
  for (int64_t task = begin; task < end; ++task) {
    // First and last tiles in turn: the later rows are, the more they see.
    const int64_t turn = task / p.kv_heads;
    const int64_t tile = turn % 2 == 0 ? turn / 2 : tiles - 1 - turn / 2;
    const int64_t first = tile * kTaskLanes;
    const int64_t count = lanes - first < kTaskLanes ? lanes - first : kTaskLanes;
    const int64_t kv_head = task % p.kv_heads;
    if (count <= kLanes) {
      AttendLanes<T, 1>(p, kv_head, first, count, scratch);
    } else if (count <= 2 * kLanes) {
      AttendLanes<T, 2>(p, kv_head, first, count, scratch);
    } else {
      AttendLanes<T, 3>(p, kv_head, first, count, scratch);
    }
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
