#pragma once
#include <cstdint>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include "vlm_service/ops/cpu/lanes.h"

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

// Adds the bias to a panel's sums, rounds them and writes those of outputs that exist.
template <typename W, typename T>
inline void StorePanel(const LinearParams<W, T>& p, int64_t row, int64_t panel,
                       const PanelRow& sums) {
  const int64_t column = panel * kLanes;
  const int64_t left = p.outputs - column;
  T* out = p.out + row * p.out_stride + column;
  if (left >= kLanes) {
    for (int64_t i = 0; i < kRegisters; ++i) {
      const int64_t at = i * kWidth;
      StoreRounded(out + at, p.bias == nullptr ? sums[i] : sums[i] + Load(p.bias + column + at));
    }
    return;
  }
  float values[kLanes];
  for (int64_t i = 0; i < kRegisters; ++i) Store(values + i * kWidth, sums[i]);
  for (int64_t i = 0; i < left; ++i) {
    out[i] = Round<T>(values[i] + (p.bias == nullptr ? 0.0f : p.bias[column + i]));
  }
}

// Asks for what N panels hold 2 KB further on: a panel is over before the processor has learnt that
// it is read front to back.
template <int N, typename W>
inline void PrefetchPanels(const W* pair, int64_t panel_size) {
  constexpr int64_t kAhead = 2048 / sizeof(W);
  for (int n = 0; n < N; ++n) __builtin_prefetch(pair + n * panel_size + kAhead, 0, 2);
}

// R rows of N panels. Every output is one sum in the order of the inputs, whatever the tile.
template <int R, int N, typename X, typename W, typename T>
inline void LinearTile(const LinearParams<W, T>& p, const Rows<X>& rows, int64_t row,
                       int64_t panel) {
  const int64_t panel_size = (p.inputs + 1) / 2 * 2 * kLanes;
  const X* x = rows.data + row * rows.stride;
  const W* weights = p.panels + panel * panel_size;
  PanelRow sums[R][N] = {};
  int64_t input = 0;
  for (; input + 2 <= p.inputs; input += 2) {
    PrefetchPanels<N>(weights + input * kLanes, panel_size);
    AddPair<2>(sums, x + input, rows.stride, weights + input * kLanes, panel_size);
  }
  if (input < p.inputs) {
    AddPair<1>(sums, x + input, rows.stride, weights + input * kLanes, panel_size);
  }
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) StorePanel(p, row + r, panel + n, sums[r][n]);
  }
}

// The rows from `row` on of N panels.
template <int R, int N, typename X, typename W, typename T>
inline void LinearRows(const LinearParams<W, T>& p, const Rows<X>& rows, int64_t row,
                       int64_t panel) {
  for (; row + R <= p.rows; row += R) LinearTile<R, N>(p, rows, row, panel);
  if constexpr (R > 1) LinearRows<R / 2, N>(p, rows, row, panel);
}

// Panels outside, rows inside: weights are read from memory once.
template <int R, int N, typename X, typename W, typename T>
inline void LinearPanels(const LinearParams<W, T>& p, const Rows<X>& rows, int64_t panel,
                         int64_t end) {
  for (; panel + N <= end; panel += N) LinearRows<R, N>(p, rows, 0, panel);
  if constexpr (N > 1) LinearPanels<R, N / 2>(p, rows, panel, end);
}

// p.x as the tiles read it: as it is where it is float32 or the processor multiplies pairs of
// bfloat16, else widened into `scratch`.
template <typename W, typename T>
inline auto InputRows(const LinearParams<W, T>& p, float* scratch) {
  return FloatRows(p.x, p.x_stride, p.rows, p.inputs, scratch);
}
#if defined(__AVX512BF16__)
inline auto InputRows(const LinearParams<Bf16, Bf16>& p, float* /*scratch*/) {
  return Rows<Bf16>{p.x, p.x_stride};
}
#endif

// Tiles fill the registers with sums, and keep enough of them in flight when rows are few.
template <typename W, typename T>
void Linear(const LinearParams<W, T>& p, int64_t begin, int64_t end, float* scratch) {
  constexpr bool kWide = kRegisterBytes == 64;
  const auto rows = InputRows(p, scratch);
  if (p.rows == 1) {
    LinearPanels<1, kWide ? 8 : 4>(p, rows, begin, end);
  } else if (p.rows < 8) {
    LinearPanels<kWide ? 4 : 2, kWide ? 4 : 2>(p, rows, begin, end);
  } else {
    LinearPanels<kWide ? 8 : 4, kWide ? 3 : 1>(p, rows, begin, end);
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
