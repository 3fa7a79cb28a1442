#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "vlm_service/kernels/pack.cuh"

// How kernels that reduce rows share them out: threads along x hold a row in registers, kPacks
// packs each; rows of one warp are stacked along y.
namespace glyph::vlm::kernels {

// The same for every number of rows, so that a row is always summed alike.
struct RowShape {
  dim3 grid;
  dim3 block;
  int packs;  // of a thread: 0 when registers cannot hold a row, else 2 or, of a warp, 4, 6, 8
};

// What a kernel of kPacks may be launched with.
constexpr int MaxThreads(int packs) { return packs <= 2 ? 1024 : 128; }

inline RowShape ShapeOf(int64_t rows, int64_t packs_of_row) {
  constexpr int64_t kWarpPacks = 256;  // a warp holds rows up to this, 8 packs a lane
  constexpr unsigned kRowsOfBlock = 4;
  if (packs_of_row <= kWarpPacks) {
    return {.grid = dim3(static_cast<unsigned>(CeilDiv(rows, kRowsOfBlock))),
            .block = dim3(32, kRowsOfBlock),
            .packs = static_cast<int>(CeilDiv(packs_of_row, 64) * 2)};
  }
  const unsigned threads = std::min<unsigned>(MaxThreads(2), WarpsOf(CeilDiv(packs_of_row, 2)));
  return {.grid = dim3(static_cast<unsigned>(rows)),
          .block = dim3(threads),
          .packs = packs_of_row > 2 * threads ? 0 : 2};
}

// Calls `function` with shape.packs as a compile-time number.
template <typename Function>
void DispatchPacks(const RowShape& shape, Function function) {
  switch (shape.packs) {
    case 2:
      return function(std::integral_constant<int, 2>{});
    case 4:
      return function(std::integral_constant<int, 4>{});
    case 6:
      return function(std::integral_constant<int, 6>{});
    default:
      return function(std::integral_constant<int, 8>{});
  }
}

// Beyond the last row: only in blocks of several rows, which know no barrier.
__device__ inline int64_t RowOfThread() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
}

// The sum of a row's threads, for each of them: of a warp or, in wider blocks, of the block. Calls
// of one kernel must not share `partial`.
__device__ inline float SumOverRow(float value, float (&partial)[32]) {
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(~0u, value, step);
  if (blockDim.x == 32) return value;
  const unsigned lane = threadIdx.x % 32;
  if (lane == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  value = lane < blockDim.x / 32 ? partial[lane] : 0.0f;
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(~0u, value, step);
  return value;
}

// A thread's packs of a row: numbers threadIdx.x, threadIdx.x + blockDim.x, ... Parts of rows that
// a kernel reads side by side have packs of equally many values.
template <typename T, int kPacks, int kPackValues = kWideValues<T>>
struct RowPart {
  static constexpr int kValues = kPackValues;
  using P = Pack<T, kValues>;
  P packs[kPacks];

  // The first value of pack k.
  __device__ static int64_t At(int k) {
    return (threadIdx.x + static_cast<int64_t>(k) * blockDim.x) * kValues;
  }

  // Zeros beyond the width.
  __device__ void Load(const T* row, int64_t width) {
#pragma unroll
    for (int k = 0; k < kPacks; ++k) packs[k] = At(k) < width ? P::Load(row + At(k)) : P::Zero();
  }

  __device__ void Store(T* row, int64_t width) const {
#pragma unroll
    for (int k = 0; k < kPacks; ++k) {
      if (At(k) < width) packs[k].Store(row + At(k));
    }
  }

  __device__ float SumOfSquares() const {
    float sum = 0;
#pragma unroll
    for (int k = 0; k < kPacks; ++k) {
      float values[kValues];
      packs[k].ToFloats(values);
#pragma unroll
      for (int i = 0; i < kValues; ++i) sum += values[i] * values[i];
    }
    return sum;
  }
};

// The weights of a thread's packs: few are loaded before the row's sum is known, many are not held
// besides the row.
template <typename T, int kPacks, int kPackValues = kWideValues<T>>
class Weights {
  static constexpr bool kHeld = kPacks <= 2;
  using Part = RowPart<T, kHeld ? kPacks : 1, kPackValues>;

 public:
  __device__ Weights(const void* weight, int64_t width)
      : row_(static_cast<const T*>(weight)), width_(width) {
    if constexpr (kHeld) {
      if (row_ != nullptr) part_.Load(row_, width);
    }
  }

  __device__ void ToFloats(int k, float (&values)[Part::kValues]) const {
    if constexpr (kHeld) {
      part_.packs[k].ToFloats(values);
    } else {
      const int64_t at = Part::At(k);
      (at < width_ ? Part::P::Load(row_ + at) : Part::P::Zero()).ToFloats(values);
    }
  }

 private:
  const T* row_;
  int64_t width_;
  Part part_;
};

}  // namespace glyph::vlm::kernels
