#pragma once
#include <cstdint>

#include "vlm_service/ops/cpu/float_rows.h"
#include "vlm_service/ops/cpu/panel_sums.h"

namespace glyph::vlm::cpu {
namespace {

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
