#include <algorithm>

#include "vlm_service/kernels/pack.cuh"
#include "vlm_service/kernels/rotary.h"
#include "vlm_service/kernels/rotary_angles.cuh"

namespace glyph::vlm::kernels {
namespace {

constexpr int kHeadsAtOnce = 4;  // whose loads a thread has under way together
constexpr int kMaxThreads = 256;

// Sums of rounded products, as PyTorch computes them.
template <int kValues>
__device__ inline void Rotate(float (&first)[kValues], float (&second)[kValues],
                              const Angles<kValues>& angles) {
#pragma unroll
  for (int i = 0; i < kValues; ++i) {
    const float a = first[i];
    const float b = second[i];
    first[i] = __fadd_rn(__fmul_rn(a, angles.cos[i]), __fmul_rn(-b, angles.sin[i]));
    second[i] = __fadd_rn(__fmul_rn(b, angles.cos[i]), __fmul_rn(a, angles.sin[i]));
  }
}

// `rows_of_block` rows a block. Thread t of a row's rotates pack t % lanes of the lower half with
// that of the upper one, in heads t / lanes, + groups, ..., queries and keys in turn.
template <typename T, int kValues>
__global__ void __launch_bounds__(kMaxThreads)
    VisionRotaryKernel(const VisionRotaryParams p, int lanes, int groups, int rows_of_block) {
  using P = Pack<T, kValues>;
  const int row_in_block = static_cast<int>(threadIdx.x) / (lanes * groups);
  const int64_t row = static_cast<int64_t>(blockIdx.x) * rows_of_block + row_in_block;
  if (row_in_block >= rows_of_block || row >= p.rows) return;
  const int thread = static_cast<int>(threadIdx.x) % (lanes * groups);
  const int group = thread / lanes;
  const int at = thread % lanes * kValues;
  T* const x = static_cast<T*>(p.qkv) + row * p.qkv_stride + at;
  const int all_heads = 2 * p.heads;
  P lower[kHeadsAtOnce];
  P upper[kHeadsAtOnce];
  const auto load = [&](int first) {
#pragma unroll
    for (int i = 0; i < kHeadsAtOnce; ++i) {
      const int head = first + i * groups;
      if (head >= all_heads) continue;
      lower[i] = P::Load(x + static_cast<int64_t>(head) * p.head_dim);
      upper[i] = P::Load(x + static_cast<int64_t>(head) * p.head_dim + p.half);
    }
  };
  load(group);
  const AxisPositions<2> positions(p.positions, p.axis_stride, row);
  const Angles<kValues> angles(positions, p.axis, p.cos, p.sin, at, p.half);
  const int step = kHeadsAtOnce * groups;
  for (int first = group; first < all_heads; first += step) {
#pragma unroll
    for (int i = 0; i < kHeadsAtOnce; ++i) {
      const int head = first + i * groups;
      if (head >= all_heads) continue;
      float a[kValues];
      float b[kValues];
      lower[i].ToFloats(a);
      upper[i].ToFloats(b);
      Rotate(a, b, angles);
      P::Rounded(a).Store(x + static_cast<int64_t>(head) * p.head_dim);
      P::Rounded(b).Store(x + static_cast<int64_t>(head) * p.head_dim + p.half);
    }
    load(first + step);
  }
}

template <typename T, int kValues>
cudaError_t LaunchShape(const VisionRotaryParams& p, cudaStream_t stream) {
  const int64_t lanes = p.half / kValues;
  if (lanes > kMaxThreads) return cudaErrorInvalidValue;
  const int64_t groups = std::min<int64_t>(CeilDiv(2 * p.heads, kHeadsAtOnce), kMaxThreads / lanes);
  const int64_t rows_of_block = std::max<int64_t>(kMaxThreads / (lanes * groups), 1);
  const unsigned threads = WarpsOf(lanes * groups * rows_of_block);
  const auto blocks = static_cast<unsigned>(CeilDiv(p.rows, rows_of_block));
  VisionRotaryKernel<T, kValues><<<blocks, threads, 0, stream>>>(
      p, static_cast<int>(lanes), static_cast<int>(groups), static_cast<int>(rows_of_block));
  return cudaGetLastError();
}

}  // namespace

cudaError_t LaunchVisionRotary(const VisionRotaryParams& p, cudaStream_t stream) {
  if (p.rows < 0 || p.heads <= 0 || p.half <= 0 || 2 * p.half > p.head_dim) {
    return cudaErrorInvalidValue;
  }
  if (p.rows == 0) return cudaSuccess;
  return DispatchElement(p.element, [&](auto zero) {
    using T = decltype(zero);
    if (CanBeWide<T>({p.qkv}, {p.qkv_stride, p.head_dim, p.half})) {
      return LaunchShape<T, kWideValues<T>>(p, stream);
    }
    return LaunchShape<T, 1>(p, stream);
  });
}

}  // namespace glyph::vlm::kernels
