#pragma once
#include <cstdint>

#include "vlm_service/ops/cpu/lane_sums.h"

namespace glyph::vlm::cpu {
namespace {

// How far ahead weights are asked for. A tile's rows are too short for the processor's own
// prefetcher; past the end of the weights a prefetch does nothing.
constexpr int64_t kPrefetchBytes = 8192;

template <int R, int N>
using TileSums = FloatRegister[R][N][kRegisters];

// sums[r][n] += x[r * inner ..] * weight[n * inner ..] over 16 values.
template <typename T, int R, int N>
inline void AddStep(TileSums<R, N>& sums, const float* x, const T* weight, int64_t inner) {
  for (int64_t i = 0; i < kRegisters; ++i) {
    FloatRegister weights[N];
    for (int n = 0; n < N; ++n) {
      const T* at = weight + n * inner + i * kWidth;
      __builtin_prefetch(reinterpret_cast<const char*>(at) + kPrefetchBytes);
      weights[n] = Load(at);
    }
    for (int r = 0; r < R; ++r) {
      const FloatRegister values = Load(x + r * inner + i * kWidth);
      for (int n = 0; n < N; ++n) {
        sums[r][n][i] += values * weights[n];
      }
    }
  }
}

// The last step, of fewer than 16 values.
template <typename T, int R, int N>
inline void AddTail(TileSums<R, N>& sums, const float* x, const T* weight, int64_t inner,
                    int64_t count) {
  for (int n = 0; n < N; ++n) {
    const Tail weights(weight + n * inner, count);
    for (int r = 0; r < R; ++r) {
      const Tail values(x + r * inner, count);
      for (int64_t i = 0; i < kRegisters; ++i) {
        sums[r][n][i] += Load(values.values + i * kWidth) * Load(weights.values + i * kWidth);
      }
    }
  }
}

// The sums of a tile's lanes: side by side where they fill a register, else one by one.
template <int R, int N>
inline void SumTile(float* totals, const TileSums<R, N>& sums) {
  if constexpr (R * N == kWidth) {
    FloatRegister rows[kWidth];
    for (int i = 0; i < kWidth; ++i) rows[i] = FoldRegisters(sums[i / N][i % N]);
    Store(totals, SumRows<kWidth / 2>(rows));
  } else {
    for (int i = 0; i < R * N; ++i) totals[i] = Sum(sums[i / N][i % N]);
  }
}

// A tile of R rows by N outputs. Each of its sums is Dot's, so that the shape of the tile never
// shows in a result; it only decides how often x and weights are loaded.
template <typename T, int R, int N>
inline void LinearTile(const LinearParams<T>& p, int64_t row, int64_t column) {
  const float* x = p.x + row * p.inner;
  const T* weight = p.weight + column * p.inner;
  TileSums<R, N> sums = {};
  int64_t k = 0;
  for (; k + kLanes <= p.inner; k += kLanes) {
    AddStep<T, R, N>(sums, x + k, weight + k, p.inner);
  }
  if (k < p.inner) {
    AddTail<T, R, N>(sums, x + k, weight + k, p.inner, p.inner - k);
  }
  float totals[R * N];
  SumTile(totals, sums);
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) {
      const float bias = p.bias == nullptr ? 0.0f : ToFloat(p.bias[column + n]);
      p.out[(row + r) * p.out_stride + column + n] = Round<T>(totals[r * N + n] + bias);
    }
  }
}

// A tile for many rows fills the registers with sums; one row takes wide tiles instead, to keep
// enough sums in flight.
constexpr int kTileRows = kRegisterBytes == 64 ? 4 : 2;
constexpr int kTileColumns = kRegisterBytes == 64 ? 4 : 2;
constexpr int kRowTileColumns = 4;

// All rows of N output columns.
template <typename T, int N>
inline void LinearColumns(const LinearParams<T>& p, int64_t column) {
  int64_t row = 0;
  for (; row + kTileRows <= p.rows; row += kTileRows) {
    LinearTile<T, kTileRows, N>(p, row, column);
  }
  for (; row < p.rows; ++row) {
    LinearTile<T, 1, N>(p, row, column);
  }
}

template <typename T>
void Linear(const LinearParams<T>& p, int64_t begin, int64_t end) {
  int64_t column = begin;
  if (p.rows == 1) {
    for (; column + kRowTileColumns <= end; column += kRowTileColumns) {
      LinearTile<T, 1, kRowTileColumns>(p, 0, column);
    }
  }
  for (; column + kTileColumns <= end; column += kTileColumns) {
    LinearColumns<T, kTileColumns>(p, column);
  }
  for (; column < end; ++column) {
    LinearColumns<T, 1>(p, column);
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
