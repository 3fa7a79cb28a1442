#include <algorithm>

#include "vlm_service/kernels/pack.cuh"
#include "vlm_service/kernels/position_embedding.h"

namespace glyph::vlm::kernels {
namespace {

constexpr int kTaps = 4;
constexpr int kPatchesOfBlock = 8;  // neighbours, which mostly read the same rows of the table
constexpr unsigned kMaxThreads = 256;

// What one axis of a patch reads: rows or columns of the table and their weights.
struct Taps {
  int index[kTaps];
  float weight[kTaps];
};

// Keys' cubic convolution with A = -0.75 at a distance in [0, 1] and in [1, 2].
__device__ inline float NearWeight(float x) {
  constexpr float kA = -0.75f;
  return ((kA + 2.0f) * x - (kA + 3.0f)) * x * x + 1.0f;
}
__device__ inline float FarWeight(float x) {
  constexpr float kA = -0.75f;
  return ((kA * x - 5.0f * kA) * x + 8.0f * kA) * x - 4.0f * kA;
}

// A coordinate is rounded where PyTorch rounds it.
__device__ inline Taps TapsOf(int position, int size, int side) {
  const float centre = __fadd_rn(static_cast<float>(position), 0.5f);
  const float share = __fdiv_rn(centre, static_cast<float>(size));
  const float normalised = __fadd_rn(__fmul_rn(share, 2.0f), -1.0f);
  const float half_side = static_cast<float>(side) / 2.0f;
  const float at = __fadd_rn(__fmul_rn(__fadd_rn(normalised, 1.0f), half_side), -0.5f);
  const float floor = floorf(at);
  const float t = at - floor;
  Taps taps = {
      .index = {},
      .weight = {FarWeight(t + 1.0f), NearWeight(t), NearWeight(1.0f - t), FarWeight(2.0f - t)}};
#pragma unroll
  for (int i = 0; i < kTaps; ++i) {
    taps.index[i] = min(max(static_cast<int>(floor) - 1 + i, 0), side - 1);
  }
  return taps;
}

// The table's values `at` .. of a patch, resampled.
template <typename T, int kValues>
__device__ inline void Sample(const PositionEmbeddingParams& p, const Taps& row_taps,
                              const Taps& column_taps, int at, float (&sampled)[kValues]) {
  const T* table = static_cast<const T*>(p.table) + at;
#pragma unroll
  for (int i = 0; i < kValues; ++i) sampled[i] = 0;
#pragma unroll
  for (int r = 0; r < kTaps; ++r) {
    float sum[kValues] = {};
#pragma unroll
    for (int c = 0; c < kTaps; ++c) {
      const int64_t row = static_cast<int64_t>(row_taps.index[r]) * p.side + column_taps.index[c];
      float values[kValues];
      Pack<T, kValues>::Load(table + row * p.width).ToFloats(values);
#pragma unroll
      for (int i = 0; i < kValues; ++i) sum[i] += column_taps.weight[c] * values[i];
    }
#pragma unroll
    for (int i = 0; i < kValues; ++i) sampled[i] += row_taps.weight[r] * sum[i];
  }
}

template <typename T, int kValues>
__global__ void __launch_bounds__(kMaxThreads)
    PositionEmbeddingKernel(const PositionEmbeddingParams p) {
  using P = Pack<T, kValues>;
  __shared__ Taps taps[kPatchesOfBlock][2];
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kPatchesOfBlock;
  const int count = static_cast<int>(min(p.patches - first, int64_t{kPatchesOfBlock}));
  if (static_cast<int>(threadIdx.x) < 2 * count) {
    const int patch = static_cast<int>(threadIdx.x) / 2;
    const bool is_row = threadIdx.x % 2 == 0;
    taps[patch][threadIdx.x % 2] = is_row ? TapsOf(p.rows[first + patch], p.grid_rows, p.side)
                                          : TapsOf(p.columns[first + patch], p.grid_cols, p.side);
  }
  __syncthreads();
  const int step = static_cast<int>(blockDim.x) * kValues;
  for (int at = static_cast<int>(threadIdx.x) * kValues; at < p.width; at += step) {
    for (int patch = 0; patch < count; ++patch) {
      T* const x = static_cast<T*>(p.x) + (first + patch) * p.x_stride + at;
      const P pack = P::Load(x);
      float sampled[kValues];
      float values[kValues];
      Sample<T, kValues>(p, taps[patch][0], taps[patch][1], at, sampled);
      RoundAll<T>(sampled);
      pack.ToFloats(values);
#pragma unroll
      for (int i = 0; i < kValues; ++i) values[i] = __fadd_rn(values[i], sampled[i]);
      P::Rounded(values).Store(x);
    }
  }
}

template <typename T, int kValues>
cudaError_t LaunchShape(const PositionEmbeddingParams& p, cudaStream_t stream) {
  const unsigned threads = std::min(kMaxThreads, WarpsOf(CeilDiv(p.width, kValues)));
  const auto blocks = static_cast<unsigned>(CeilDiv(p.patches, kPatchesOfBlock));
  PositionEmbeddingKernel<T, kValues><<<blocks, threads, 0, stream>>>(p);
  return cudaGetLastError();
}

}  // namespace

cudaError_t LaunchAddPositionEmbedding(const PositionEmbeddingParams& p, cudaStream_t stream) {
  if (p.patches < 0 || p.width <= 0 || p.side <= 0 || p.grid_rows <= 0 || p.grid_cols <= 0) {
    return cudaErrorInvalidValue;
  }
  if (p.patches == 0) return cudaSuccess;
  return DispatchElement(p.element, [&](auto zero) {
    using T = decltype(zero);
    if (CanBeWide<T>({p.x, p.table}, {p.x_stride, p.width})) {
      return LaunchShape<T, kWideValues<T>>(p, stream);
    }
    return LaunchShape<T, 1>(p, stream);
  });
}

}  // namespace glyph::vlm::kernels
