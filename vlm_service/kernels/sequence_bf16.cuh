#pragma once
#include <cuda_bf16.h>

#include "vlm_service/kernels/attention_tiles.cuh"
#include "vlm_service/kernels/sequence_source.cuh"

// Sequence attention in bf16, as FlashAttention-2 has it: a CTA keeps 128 query rows of a head, 32
// a warp, and goes through K and V in tiles of 64 tokens, one tile copied while another is used.
namespace glyph::vlm::kernels {

inline constexpr int kSequenceThreads = 128;
inline constexpr int kQueryRows = 128;
inline constexpr int kTileTokens = 64;

template <int kHeadDim>
struct SequenceShared {
  char query[kQueryRows * kHeadDim * 2];
  char k[2][kTileTokens * kHeadDim * 2];
  char v[2][kTileTokens * kHeadDim * 2];
};

// Zeros for tokens from `end` on, which are not read.
template <int kHeadDim, typename Source>
__device__ __forceinline__ void CopyTile(const Source& source, int first, int end, char* k,
                                         char* v) {
  constexpr int kUnits = kHeadDim / 8;
  const int unit = threadIdx.x % kUnits;
  const uint32_t k_tile = SharedAddress(k);
  const uint32_t v_tile = SharedAddress(v);
#pragma unroll 2  // further, addresses would take the registers that sums need
  for (int i = 0; i < kTileTokens * kUnits / kSequenceThreads; ++i) {
    const int row = (threadIdx.x + i * kSequenceThreads) / kUnits;
    const bool valid = first + row < end;
    const int64_t offset = (valid ? source.Offset(first + row) : 0) + unit * 8;
    CopyAsync16(k_tile + TileOffset<kHeadDim>(row, unit), source.k + offset, valid);
    CopyAsync16(v_tile + TileOffset<kHeadDim>(row, unit), source.v + offset, valid);
  }
}

// A warp's 32 rows: two products' rows, of which this lane has lane / 4 and lane / 4 + 8 each.
template <int kHeadDim>
struct RowSums {
  float numerator[2][kHeadDim / 8][4];
  float max[2][2];  // of unscaled scores
  float sum[2][2];  // of this lane's columns

  __device__ __forceinline__ void Clear() {
#pragma unroll
    for (int m = 0; m < 2; ++m) {
#pragma unroll
      for (auto& tile : numerator[m]) tile[0] = tile[1] = tile[2] = tile[3] = 0;
      max[m][0] = max[m][1] = -INFINITY;
      sum[m][0] = sum[m][1] = 0;
    }
  }
};

using TileScores = float[2][kTileTokens / 8][4];

template <int kHeadDim>
__device__ __forceinline__ void ScoreTile(uint32_t query, uint32_t k_tile, TileScores& scores) {
  constexpr int kRows = 16 * kHeadDim * 2;  // bytes
  const int lane = threadIdx.x % 32;
  query += TileOffset<kHeadDim>(threadIdx.x / 32 * 32 + lane % 16, lane / 16);
  k_tile += TileOffset<kHeadDim>((lane / 16) * 8 + lane % 8, (lane / 8) % 2);
#pragma unroll
  for (int m = 0; m < 2; ++m) {
#pragma unroll
    for (auto& tile : scores[m]) tile[0] = tile[1] = tile[2] = tile[3] = 0;
  }
#pragma unroll
  for (int i = 0; i < kHeadDim / 16; ++i) {
    uint32_t q[2][4];
#pragma unroll
    for (int m = 0; m < 2; ++m) {
      LoadMatrices(q[m], SkipUnitPairs(query, i) + m * kRows);
    }
#pragma unroll
    for (int n = 0; n < kTileTokens / 16; ++n) {
      uint32_t k[4];
      LoadMatrices(k, SkipUnitPairs(k_tile, i) + n * kRows);
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        MultiplyAdd(scores[m][n * 2], q[m], k[0], k[1]);
        MultiplyAdd(scores[m][n * 2 + 1], q[m], k[2], k[3]);
      }
    }
  }
}

// Scores become numerators; `sums` is made relative to the new maximum. Every row has seen a token.
template <int kHeadDim>
__device__ __forceinline__ void WeighTile(float factor, TileScores& scores,
                                          RowSums<kHeadDim>& sums) {
#pragma unroll
  for (int m = 0; m < 2; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float max = sums.max[m][half];
#pragma unroll
      for (const auto& tile : scores[m]) {
        max = fmaxf(max, fmaxf(tile[half * 2], tile[half * 2 + 1]));
      }
      max = RowMax(max);
      const float kept = Exp2((sums.max[m][half] - max) * factor);
      sums.max[m][half] = max;
      float sum = sums.sum[m][half] * kept;
#pragma unroll
      for (auto& tile : scores[m]) {
#pragma unroll
        for (int i = half * 2; i < half * 2 + 2; ++i) {
          tile[i] = Exp2(fmaf(tile[i], factor, -max * factor));
          sum += tile[i];
        }
      }
      sums.sum[m][half] = sum;
#pragma unroll
      for (auto& tile : sums.numerator[m]) {
        tile[half * 2] *= kept;
        tile[half * 2 + 1] *= kept;
      }
    }
  }
}

template <int kHeadDim>
__device__ __forceinline__ void AddTile(const TileScores& weights, uint32_t v_tile,
                                        RowSums<kHeadDim>& sums) {
  constexpr int kRows = 16 * kHeadDim * 2;  // bytes
  const int lane = threadIdx.x % 32;
  v_tile += TileOffset<kHeadDim>(lane % 16, lane / 16);
#pragma unroll
  for (int n = 0; n < kTileTokens / 16; ++n) {
    uint32_t p[2][4];
#pragma unroll
    for (int m = 0; m < 2; ++m) {
      p[m][0] = PackBf16(weights[m][n * 2][0], weights[m][n * 2][1]);
      p[m][1] = PackBf16(weights[m][n * 2][2], weights[m][n * 2][3]);
      p[m][2] = PackBf16(weights[m][n * 2 + 1][0], weights[m][n * 2 + 1][1]);
      p[m][3] = PackBf16(weights[m][n * 2 + 1][2], weights[m][n * 2 + 1][3]);
    }
#pragma unroll
    for (int i = 0; i < kHeadDim / 16; ++i) {
      uint32_t v[4];
      LoadMatricesTransposed(v, SkipUnitPairs(v_tile, i) + n * kRows);
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        MultiplyAdd(sums.numerator[m][i * 2], p[m], v[0], v[1]);
        MultiplyAdd(sums.numerator[m][i * 2 + 1], p[m], v[2], v[3]);
      }
    }
  }
}

// `first_row` is the first of this warp's query rows.
template <int kHeadDim, typename Source>
__device__ __forceinline__ void MaskTile(const Source& source, int first_row, int first_token,
                                         TileScores& scores) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int m = 0; m < 2; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int visible = source.Visible(first_row + m * 16 + half * 8 + lane / 4) - first_token;
#pragma unroll
      for (int n = 0; n < kTileTokens / 8; ++n) {
        const int token = n * 8 + (lane % 4) * 2;
        if (token >= visible) scores[m][n][half * 2] = -INFINITY;
        if (token + 1 >= visible) scores[m][n][half * 2 + 1] = -INFINITY;
      }
    }
  }
}

template <int kHeadDim, typename Source>
__global__ __launch_bounds__(kSequenceThreads,
                             2) void SequenceBf16Kernel(const __grid_constant__
                                                        typename Source::Params p) {
  extern __shared__ __align__(256) char memory[];
  auto& shared = *reinterpret_cast<SequenceShared<kHeadDim>*>(memory);
  const int head = blockIdx.y;
  // The last rows see most: they start first.
  const int first_row = (gridDim.x - 1 - blockIdx.x) * kQueryRows;
  const int warp_row = first_row + threadIdx.x / 32 * 32;
  const Source source(p, head);
  const int end = source.Visible(first_row + kQueryRows - 1);
  constexpr int kUnits = kHeadDim / 8;
  const auto* q = static_cast<const __nv_bfloat16*>(p.q) + head * p.q_head_stride;
#pragma unroll 4
  for (int i = threadIdx.x; i < kQueryRows * kUnits; i += kSequenceThreads) {
    const int row = first_row + i / kUnits;
    const bool valid = row < p.rows;
    CopyAsync16(SharedAddress(shared.query) + TileOffset<kHeadDim>(i / kUnits, i % kUnits),
                q + (valid ? row : 0) * p.q_row_stride + i % kUnits * 8, valid);
  }
  CopyTile<kHeadDim>(source, 0, end, shared.k[0], shared.v[0]);
  CommitCopies();
  RowSums<kHeadDim> sums;
  sums.Clear();
  int stage = 0;
  for (int first = 0; first < end; first += kTileTokens, stage ^= 1) {
    WaitCopies<0>();
    __syncthreads();  // the tile has come, and no warp still reads the one before
    if (first + kTileTokens < end) {
      CopyTile<kHeadDim>(source, first + kTileTokens, end, shared.k[stage ^ 1],
                         shared.v[stage ^ 1]);
    }
    CommitCopies();
    TileScores scores;
    ScoreTile<kHeadDim>(SharedAddress(shared.query), SharedAddress(shared.k[stage]), scores);
    if (first + kTileTokens > source.Visible(warp_row)) {
      MaskTile<kHeadDim>(source, warp_row, first, scores);
    }
    WeighTile<kHeadDim>(p.scale * kLog2E, scores, sums);
    AddTile<kHeadDim>(scores, SharedAddress(shared.v[stage]), sums);
  }
  auto* out = static_cast<__nv_bfloat16*>(p.out) + head * p.out_head_stride;
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int m = 0; m < 2; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float scale = 1.0f / RowSum(sums.sum[m][half]);
      const int row = warp_row + m * 16 + half * 8 + lane / 4;
      if (row >= p.rows) continue;
      __nv_bfloat16* to = out + row * p.out_row_stride + lane % 4 * 2;
#pragma unroll
      for (int n = 0; n < kHeadDim / 8; ++n) {
        const float* x = &sums.numerator[m][n][half * 2];
        *reinterpret_cast<uint32_t*>(to + n * 8) = PackBf16(x[0] * scale, x[1] * scale);
      }
    }
  }
}

}  // namespace glyph::vlm::kernels
