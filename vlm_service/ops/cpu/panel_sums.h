#pragma once
#include <cstdint>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include "vlm_service/ops/cpu/lanes.h"

// What two inputs of a few rows add to the sums of a few panels of a linear map.
namespace glyph::vlm::cpu {
namespace {

// The weights that a panel's 16 outputs have for one input.
using PanelRow = FloatRegister[kRegisters];

// Reads the rows of an even and the next odd input.
inline void LoadPair(const float* pair, PanelRow& even, PanelRow& odd) {
  for (int64_t i = 0; i < kRegisters; ++i) {
    even[i] = Load(pair + i * kWidth);
    odd[i] = Load(pair + kLanes + i * kWidth);
  }
}
inline void LoadPair(const Bf16* pair, PanelRow& even, PanelRow& odd) {
  for (int64_t i = 0; i < kRegisters; ++i) {
    WordRegister words;
    __builtin_memcpy(&words, pair + 2 * i * kWidth, sizeof(words));
    const WordRegister low = words << 16;
    const WordRegister high = words & 0xFFFF0000u;
    __builtin_memcpy(&even[i], &low, sizeof(low));
    __builtin_memcpy(&odd[i], &high, sizeof(high));
  }
}

// sums[r][n] += x[r * stride] * weights[n].
template <int R, int N>
inline void AddInput(PanelRow (&sums)[R][N], const float* x, int64_t stride,
                     const PanelRow (&weights)[N]) {
  for (int r = 0; r < R; ++r) {
    const float value = x[r * stride];
    for (int n = 0; n < N; ++n) {
      for (int64_t i = 0; i < kRegisters; ++i) sums[r][n][i] += value * weights[n][i];
    }
  }
}

// Adds to the sums what a pair of inputs, of which the first kInputs exist, gives in N panels.
template <int kInputs, int R, int N, typename W>
inline void AddPair(PanelRow (&sums)[R][N], const float* x, int64_t stride, const W* pair,
                    int64_t panel_size) {
  PanelRow even[N];
  PanelRow odd[N];
  for (int n = 0; n < N; ++n) LoadPair(pair + n * panel_size, even[n], odd[n]);
  AddInput<R, N>(sums, x, stride, even);
  if constexpr (kInputs == 2) AddInput<R, N>(sums, x + 1, stride, odd);
}
#if defined(__AVX512BF16__)
template <int kInputs, int R, int N>
inline void AddPair(PanelRow (&sums)[R][N], const Bf16* x, int64_t stride, const Bf16* pair,
                    int64_t panel_size) {
  __m512bh weights[N];
  for (int n = 0; n < N; ++n) __builtin_memcpy(&weights[n], pair + n * panel_size, 64);
  for (int r = 0; r < R; ++r) {
    uint32_t inputs = 0;
    __builtin_memcpy(&inputs, x + r * stride, kInputs * sizeof(Bf16));
    const auto both = __builtin_bit_cast(__m512bh, WordRegister{} + inputs);
    for (int n = 0; n < N; ++n) {
      sums[r][n][0] = _mm512_dpbf16_ps(sums[r][n][0], weights[n], both);
    }
  }
}
#endif

// Asks for what N panels hold 2 KB further on: a panel is over before the processor has learnt that
// it is read front to back.
template <int N, typename W>
inline void PrefetchPanels(const W* pair, int64_t panel_size) {
  constexpr int64_t kAhead = 2048 / sizeof(W);
  for (int n = 0; n < N; ++n) __builtin_prefetch(pair + n * panel_size + kAhead, 0, 2);
}

}  // namespace
}  // namespace glyph::vlm::cpu
