#pragma once
#include <cstdint>

#include "vlm_service/ops/cpu/lanes.h"

// Products whose columns are lanes: out[m, lane] = sum_k a(m, k) * b[k, lane]. A lane's result is
// one sum in the order of k, whatever the other lanes hold and however many there are.
namespace glyph::vlm::cpu {
namespace {

// A matrix in any order: element (m, k) is data[m * row + k * step].
struct Strided {
  const float* data;
  int64_t row;
  int64_t step;
};

// M rows of N registers. With `factor` [width] the product is added to out * factor, else it
// replaces out. b and out have rows of `width` floats.
template <int M, int N>
inline void MultiplyTile(float* out, const float* factor, const Strided& a, const float* b,
                         int64_t inner, int64_t width) {
  FloatRegister sums[M][N] = {};
  for (int64_t k = 0; k < inner; ++k) {
    FloatRegister row[N];
    for (int n = 0; n < N; ++n) {
      row[n] = Load(b + k * width + n * kWidth);
    }
    for (int m = 0; m < M; ++m) {
      const float value = a.data[m * a.row + k * a.step];
      for (int n = 0; n < N; ++n) {
        sums[m][n] += value * row[n];
      }
    }
  }
  for (int m = 0; m < M; ++m) {
    for (int n = 0; n < N; ++n) {
      float* at = out + m * width + n * kWidth;
      Store(at, factor == nullptr ? sums[m][n] : sums[m][n] + Load(at) * Load(factor + n * kWidth));
    }
  }
}

// All of `rows` rows, for G * kLanes lanes. Tiles fill the registers with sums.
template <int G>
inline void Multiply(float* out, const float* factor, const Strided& a, const float* b,
                     int64_t rows, int64_t inner) {
  constexpr int64_t kRowWidth = G * kLanes;
  constexpr int kColumns = kRegisterBytes == 64 ? G * kRegisters : 2;
  constexpr int kRows = kRegisterBytes == 64 ? 8 : 4;
  for (int64_t lane = 0; lane < kRowWidth; lane += kColumns * kWidth) {
    const float* factors = factor == nullptr ? nullptr : factor + lane;
    int64_t m = 0;
    for (; m + kRows <= rows; m += kRows) {
      MultiplyTile<kRows, kColumns>(out + m * kRowWidth + lane, factors,
                                    {a.data + m * a.row, a.row, a.step}, b + lane, inner,
                                    kRowWidth);
    }
    for (; m < rows; ++m) {
      MultiplyTile<1, kColumns>(out + m * kRowWidth + lane, factors,
                                {a.data + m * a.row, a.row, a.step}, b + lane, inner, kRowWidth);
    }
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
