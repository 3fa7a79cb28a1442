#include "vlm_service/kernels/layer_norm.h"
#include "vlm_service/kernels/row_threads.cuh"

namespace glyph::vlm::kernels {
namespace {

__device__ inline float Normalised(float x, float mean, float scale, float weight, float bias) {
  return (x - mean) * scale * weight + bias;
}

__device__ inline float InverseDeviation(float squares, int64_t width, float eps) {
  return 1.0f / sqrtf(squares / static_cast<float>(width) + eps);
}

// The squares are summed once the mean is known, so that a large mean costs no digits.
template <typename T, int kPacks>
__global__ void __launch_bounds__(MaxThreads(kPacks)) LayerNormKernel(const LayerNormParams p) {
  using Part = RowPart<T, kPacks>;
  __shared__ float partial[2][32];
  const int64_t row = RowOfThread();
  if (row >= p.rows) return;
  Part x;
  x.Load(static_cast<const T*>(p.x) + row * p.x_stride, p.width);
  const Weights<T, kPacks> weights(p.weight, p.width);
  const Weights<T, kPacks> biases(p.bias, p.width);
  T* out = static_cast<T*>(p.out) + row * p.out_stride;
  float values[Part::kValues];
  float sum = 0;
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    x.packs[k].ToFloats(values);
#pragma unroll
    for (int i = 0; i < Part::kValues; ++i) sum += values[i];
  }
  const float mean = SumOverRow(sum, partial[0]) / static_cast<float>(p.width);
  float squares = 0;
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    if (Part::At(k) >= p.width) continue;
    x.packs[k].ToFloats(values);
#pragma unroll
    for (int i = 0; i < Part::kValues; ++i) squares += (values[i] - mean) * (values[i] - mean);
  }
  const float scale = InverseDeviation(SumOverRow(squares, partial[1]), p.width, p.eps);
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    if (Part::At(k) >= p.width) continue;
    float weight[Part::kValues];
    float bias[Part::kValues];
    x.packs[k].ToFloats(values);
    weights.ToFloats(k, weight);
    biases.ToFloats(k, bias);
#pragma unroll
    for (int i = 0; i < Part::kValues; ++i) {
      values[i] = Normalised(values[i], mean, scale, weight[i], bias[i]);
    }
    Part::P::Rounded(values).Store(out + Part::At(k));
  }
}

// Rows that cannot move 16 bytes at a time or are too wide for registers.
template <typename T>
__global__ void AnyLayerNormKernel(const LayerNormParams p) {
  __shared__ float partial[2][32];
  const int64_t row = blockIdx.x;
  const T* x = static_cast<const T*>(p.x) + row * p.x_stride;
  T* out = static_cast<T*>(p.out) + row * p.out_stride;
  float sum = 0;
  for (int64_t i = threadIdx.x; i < p.width; i += blockDim.x) sum += ToFloat(x[i]);
  const float mean = SumOverRow(sum, partial[0]) / static_cast<float>(p.width);
  float squares = 0;
  for (int64_t i = threadIdx.x; i < p.width; i += blockDim.x) {
    const float difference = ToFloat(x[i]) - mean;
    squares += difference * difference;
  }
  const float scale = InverseDeviation(SumOverRow(squares, partial[1]), p.width, p.eps);
  for (int64_t i = threadIdx.x; i < p.width; i += blockDim.x) {
    out[i] =
        Round<T>(Normalised(ToFloat(x[i]), mean, scale, ToFloat(static_cast<const T*>(p.weight)[i]),
                            ToFloat(static_cast<const T*>(p.bias)[i])));
  }
}

}  // namespace

cudaError_t LaunchLayerNorm(const LayerNormParams& p, cudaStream_t stream) {
  constexpr unsigned kAnyThreads = 256;
  if (p.rows < 0 || p.width <= 0) return cudaErrorInvalidValue;
  if (p.rows == 0) return cudaSuccess;
  return DispatchElement(p.element, [&](auto zero) {
    using T = decltype(zero);
    const RowShape shape = ShapeOf(p.rows, CeilDiv(p.width, kWideValues<T>));
    if (shape.packs == 0 ||
        !CanBeWide<T>({p.x, p.weight, p.bias, p.out}, {p.x_stride, p.out_stride, p.width})) {
      AnyLayerNormKernel<T><<<static_cast<unsigned>(p.rows), kAnyThreads, 0, stream>>>(p);
    } else {
      DispatchPacks(shape, [&](auto packs) {
        LayerNormKernel<T, packs.value><<<shape.grid, shape.block, 0, stream>>>(p);
      });
    }
    return cudaGetLastError();
  });
}

}  // namespace glyph::vlm::kernels
