#pragma once
#include <math.h>

#include <cstdint>

#include "vlm_service/ops/cpu/exponential.h"

namespace glyph::vlm::cpu {
namespace {

// The pairs (row, query head) of a task, a lane each, and their running softmax. Lane l of a KV
// head is query head l % group of row l / group.
template <int G>
struct LaneState {
  static constexpr int64_t kRowWidth = G * kLanes;
  float* q;               // [head_dim, lanes], scaled
  float* out;             // [head_dim, lanes], unnormalised
  float* scores;          // [block_tokens, lanes], later weights
  float* copy;            // [block_tokens, head_dim]: keys or values that are not float32
  float last[kRowWidth];  // the last token a lane sees
  float max[kRowWidth];
  float sum[kRowWidth];
  float correction[kRowWidth];  // what a block's new maximum makes of the sums before it
};

// Hides from each lane the tokens behind its last one: their weight becomes exactly 0 and they
// leave the lane's maximum as it is.
template <int G>
inline void HideTokens(LaneState<G>& state, int64_t start, int64_t tokens) {
  constexpr int64_t kRowWidth = G * kLanes;
  const FloatRegister hidden = FloatRegister{} - INFINITY;
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t lane = 0; lane < kRowWidth; lane += kWidth) {
      float* at = state.scores + t * kRowWidth + lane;
      Store(at, Load(state.last + lane) < static_cast<float>(start + t) ? hidden : Load(at));
    }
  }
}

// Turns the scores of the tokens from `start` on into weights.
template <int G>
inline void Weigh(LaneState<G>& state, int64_t start, int64_t tokens) {
  constexpr int64_t kRowWidth = G * kLanes;
  // The first lane sees least.
  if (state.last[0] < static_cast<float>(start + tokens - 1)) HideTokens(state, start, tokens);
  for (int64_t lane = 0; lane < kRowWidth; lane += kWidth) {
    const FloatRegister old_max = Load(state.max + lane);
    FloatRegister max = old_max;
    for (int64_t t = 0; t < tokens; ++t) {
      const FloatRegister score = Load(state.scores + t * kRowWidth + lane);
      max = score > max ? score : max;
    }
    FloatRegister sum = {};
    for (int64_t t = 0; t < tokens; ++t) {
      float* at = state.scores + t * kRowWidth + lane;
      const FloatRegister weight = Exp(Load(at) - max);
      Store(at, weight);
      sum += weight;
    }
    const FloatRegister correction = Exp(old_max - max);
    Store(state.correction + lane, correction);
    Store(state.sum + lane, sum + Load(state.sum + lane) * correction);
    Store(state.max + lane, max);
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
