#pragma once
#include <cstdint>

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

// R rows of N panels. Every output is one sum in the order of the inputs, whatever the tile.
template <int R, int N, typename W, typename T>
inline void LinearTile(const LinearParams<W, T>& p, int64_t row, int64_t panel) {
  const int64_t panel_size = (p.inputs + 1) / 2 * 2 * kLanes;
  const float* x = p.x + row * p.x_stride;
  const W* weights = p.panels + panel * panel_size;
  PanelRow sums[R][N] = {};
  PanelRow even[N];
  PanelRow odd[N];
  int64_t input = 0;
  for (; input + 2 <= p.inputs; input += 2) {
    for (int n = 0; n < N; ++n) {
      LoadPair(weights + n * panel_size + input * kLanes, even[n], odd[n]);
    }
    AddInput<R, N>(sums, x + input, p.x_stride, even);
    AddInput<R, N>(sums, x + input + 1, p.x_stride, odd);
  }
  if (input < p.inputs) {
    for (int n = 0; n < N; ++n) {
      LoadPair(weights + n * panel_size + input * kLanes, even[n], odd[n]);
    }
    AddInput<R, N>(sums, x + input, p.x_stride, even);
  }
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) StorePanel(p, row + r, panel + n, sums[r][n]);
  }
}

// The rows from `row` on of N panels.
template <int R, int N, typename W, typename T>
inline void LinearRows(const LinearParams<W, T>& p, int64_t row, int64_t panel) {
  for (; row + R <= p.rows; row += R) LinearTile<R, N>(p, row, panel);
  if constexpr (R > 1) LinearRows<R / 2, N>(p, row, panel);
}

// Panels outside, rows inside: weights are read from memory once.
template <int R, int N, typename W, typename T>
inline void LinearPanels(const LinearParams<W, T>& p, int64_t panel, int64_t end) {
  for (; panel + N <= end; panel += N) LinearRows<R, N>(p, 0, panel);
  if constexpr (N > 1) LinearPanels<R, N / 2>(p, panel, end);
}

// Tiles fill the registers with sums, and keep enough of them in flight when rows are few.
template <typename W, typename T>
void Linear(const LinearParams<W, T>& p, int64_t begin, int64_t end) {
  constexpr bool kWide = kRegisterBytes == 64;
  if (p.rows == 1) {
    LinearPanels<1, kWide ? 8 : 4>(p, begin, end);
  } else if (p.rows < 8) {
    LinearPanels<kWide ? 4 : 2, kWide ? 4 : 2>(p, begin, end);
  } else {
    LinearPanels<kWide ? 8 : 4, kWide ? 3 : 1>(p, begin, end);
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
