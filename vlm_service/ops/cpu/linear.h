#pragma once
#include <cstdint>

#include "vlm_service/ops/cpu/lanes.h"

namespace glyph::vlm::cpu {
namespace {

// A tile of R rows by N outputs. Each of its sums is Dot's, so that the shape of the tile never
// shows in a result; it only decides how often x and weights are loaded.
template <typename T, int R, int N>
inline void LinearTile(const LinearParams<T>& p, int64_t row, int64_t column) {
  Lanes sums[R][N] = {};
  int64_t k = 0;
  for (; k + kLanes <= p.inner; k += kLanes) {
    Lanes weights[N];
    for (int n = 0; n < N; ++n) {
      weights[n] = LoadLanes(p.weight + (column + n) * p.inner + k);
    }
    for (int r = 0; r < R; ++r) {
      const Lanes x = LoadLanes(p.x + (row + r) * p.inner + k);
      for (int n = 0; n < N; ++n) {
        sums[r][n] += x * weights[n];
      }
    }
  }
  for (int n = 0; n < N && k < p.inner; ++n) {
    const Lanes weights = LoadTail(p.weight + (column + n) * p.inner + k, p.inner - k);
    for (int r = 0; r < R; ++r) {
      sums[r][n] += LoadTail(p.x + (row + r) * p.inner + k, p.inner - k) * weights;
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) {
      const float bias = p.bias == nullptr ? 0.0f : ToFloat(p.bias[column + n]);
      p.out[(row + r) * p.out_stride + column + n] = Round<T>(Sum(sums[r][n]) + bias);
    }
  }
}

// All rows of N output columns.
template <typename T, int N>
inline void LinearColumns(const LinearParams<T>& p, int64_t column) {
  int64_t row = 0;
  for (; row + 4 <= p.rows; row += 4) {
    LinearTile<T, 4, N>(p, row, column);
  }
  if (row + 2 <= p.rows) {
    LinearTile<T, 2, N>(p, row, column);
    row += 2;
  }
  if (row < p.rows) {
    LinearTile<T, 1, N>(p, row, column);
  }
}

template <typename T>
void Linear(const LinearParams<T>& p, int64_t begin, int64_t end) {
  int64_t column = begin;
  for (; column + 4 <= end; column += 4) {
    LinearColumns<T, 4>(p, column);
  }
  for (; column < end; ++column) {
    LinearColumns<T, 1>(p, column);
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
