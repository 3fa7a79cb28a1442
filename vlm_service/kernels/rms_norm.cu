#include "vlm_service/kernels/rms_norm.h"
#include "vlm_service/kernels/row_threads.cuh"

namespace glyph::vlm::kernels {
namespace {

__device__ inline float InverseRoot(float sum, int64_t width, float eps) {
  return 1.0f / sqrtf(sum / static_cast<float>(width) + eps);
}

// values = X(values * scale) * weight.
template <typename X, int kValues>
__device__ inline void Normalise(float (&values)[kValues], float scale,
                                 const float (&weight)[kValues]) {
#pragma unroll
  for (int i = 0; i < kValues; ++i) values[i] = __fmul_rn(values[i], scale);
  RoundAll<X>(values);
#pragma unroll
  for (int i = 0; i < kValues; ++i) values[i] = __fmul_rn(values[i], weight[i]);
}

template <typename X, typename T, int kPacks>
__device__ inline void StoreNormalised(const RowPart<X, kPacks>& part, float scale,
                                       const Weights<T, kPacks, kWideValues<X>>& weights, T* out,
                                       int64_t width) {
  using Part = RowPart<X, kPacks>;
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    if (Part::At(k) >= width) continue;
    float values[Part::kValues];
    float weight[Part::kValues];
    part.packs[k].ToFloats(values);
    weights.ToFloats(k, weight);
    Normalise<X>(values, scale, weight);
    Pack<T, Part::kValues>::Rounded(values).Store(out + Part::At(k));
  }
}

template <typename X, typename T, int kPacks>
__global__ void __launch_bounds__(MaxThreads(kPacks)) RmsNormKernel(const RmsNormParams p) {
  __shared__ float partial[32];
  const int64_t row = RowOfThread();
  if (row >= p.rows) return;
  RowPart<X, kPacks> x;
  x.Load(static_cast<const X*>(p.x) + row * p.x_stride, p.width);
  const Weights<T, kPacks, kWideValues<X>> weights(p.weight, p.width);
  const float scale = InverseRoot(SumOverRow(x.SumOfSquares(), partial), p.width, p.eps);
  StoreNormalised(x, scale, weights, static_cast<T*>(p.out) + row * p.out_stride, p.width);
}

template <typename T, int kPacks>
__global__ void __launch_bounds__(MaxThreads(kPacks)) AddRmsNormKernel(const AddRmsNormParams p) {
  using Part = RowPart<float, kPacks>;
  __shared__ float partial[2][32];
  const int64_t row = RowOfThread();
  if (row >= p.rows) return;
  float* residual_row = p.residual + row * p.residual_stride;
  RowPart<T, kPacks, Part::kValues> x;
  Part residual;
  x.Load(static_cast<const T*>(p.x) + row * p.x_stride, p.width);
  residual.Load(residual_row, p.width);
  const Weights<T, kPacks, Part::kValues> weights(p.weight, p.width);
  const Weights<T, kPacks, Part::kValues> next_weights(p.next_weight, p.width);
  float scale = InverseRoot(SumOverRow(x.SumOfSquares(), partial[0]), p.width, p.eps);
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    float values[Part::kValues];
    float weight[Part::kValues];
    float sums[Part::kValues];
    x.packs[k].ToFloats(values);
    weights.ToFloats(k, weight);
    residual.packs[k].ToFloats(sums);
    Normalise<float>(values, scale, weight);
#pragma unroll
    for (int i = 0; i < Part::kValues; ++i) sums[i] = __fadd_rn(sums[i], values[i]);
    residual.packs[k] = Part::P::Rounded(sums);
  }
  residual.Store(residual_row, p.width);
  if (p.next_weight == nullptr) return;
  scale = InverseRoot(SumOverRow(residual.SumOfSquares(), partial[1]), p.width, p.eps);
  StoreNormalised(residual, scale, next_weights, static_cast<T*>(p.out) + row * p.out_stride,
                  p.width);
}

// Rows that cannot move several values at a time or are too wide for registers: a block reads each
// again for every step.
template <typename X, typename T>
__global__ void AnyRmsNormKernel(const RmsNormParams p) {
  __shared__ float partial[32];
  const int64_t row = blockIdx.x;
  const X* x = static_cast<const X*>(p.x) + row * p.x_stride;
  T* out = static_cast<T*>(p.out) + row * p.out_stride;
  float sum = 0;
  for (int64_t i = threadIdx.x; i < p.width; i += blockDim.x) sum += ToFloat(x[i]) * ToFloat(x[i]);
  const float scale = InverseRoot(SumOverRow(sum, partial), p.width, p.eps);
  for (int64_t i = threadIdx.x; i < p.width; i += blockDim.x) {
    float value[1] = {ToFloat(x[i])};
    Normalise<X>(value, scale, {ToFloat(static_cast<const T*>(p.weight)[i])});
    out[i] = Round<T>(value[0]);
  }
}

template <typename T>
__global__ void AnyAddRmsNormKernel(const AddRmsNormParams p) {
  __shared__ float partial[2][32];
  const int64_t row = blockIdx.x;
  const T* x = static_cast<const T*>(p.x) + row * p.x_stride;
  float* residual = p.residual + row * p.residual_stride;
  T* out = static_cast<T*>(p.out) + row * p.out_stride;
  float sum = 0;
  for (int64_t i = threadIdx.x; i < p.width; i += blockDim.x) sum += ToFloat(x[i]) * ToFloat(x[i]);
  float scale = InverseRoot(SumOverRow(sum, partial[0]), p.width, p.eps);
  sum = 0;
  for (int64_t i = threadIdx.x; i < p.width; i += blockDim.x) {
    float value[1] = {ToFloat(x[i])};
    Normalise<float>(value, scale, {ToFloat(static_cast<const T*>(p.weight)[i])});
    residual[i] = __fadd_rn(residual[i], value[0]);
    sum += residual[i] * residual[i];
  }
  if (p.next_weight == nullptr) return;
  scale = InverseRoot(SumOverRow(sum, partial[1]), p.width, p.eps);
  for (int64_t i = threadIdx.x; i < p.width; i += blockDim.x) {
    float value[1] = {residual[i]};
    Normalise<float>(value, scale, {ToFloat(static_cast<const T*>(p.next_weight)[i])});
    out[i] = Round<T>(value[0]);
  }
}

constexpr unsigned kAnyThreads = 256;

template <typename X, typename T>
cudaError_t LaunchTyped(const RmsNormParams& p, cudaStream_t stream) {
  const RowShape shape = ShapeOf(p.rows, CeilDiv(p.width, kWideValues<X>));
  if (shape.packs == 0 || !CanBeWide<X>({p.x}, {p.x_stride}) ||
      !CanBeWide<T>({p.weight, p.out}, {p.out_stride, p.width})) {
    AnyRmsNormKernel<X, T><<<static_cast<unsigned>(p.rows), kAnyThreads, 0, stream>>>(p);
  } else {
    DispatchPacks(shape, [&](auto packs) {
      RmsNormKernel<X, T, packs.value><<<shape.grid, shape.block, 0, stream>>>(p);
    });
  }
  return cudaGetLastError();
}

}  // namespace

cudaError_t LaunchRmsNorm(const RmsNormParams& p, cudaStream_t stream) {
  if (p.rows < 0 || p.width <= 0) return cudaErrorInvalidValue;
  if (p.rows == 0) return cudaSuccess;
  return DispatchElement(p.element, [&](auto zero) {
    using T = decltype(zero);
    if (p.x_element == p.element) return LaunchTyped<T, T>(p, stream);
    if (p.x_element == Element::kFloat32) return LaunchTyped<float, T>(p, stream);
    return cudaErrorInvalidValue;
  });
}

cudaError_t LaunchAddRmsNorm(const AddRmsNormParams& p, cudaStream_t stream) {
  if (p.rows < 0 || p.width <= 0) return cudaErrorInvalidValue;
  if (p.rows == 0) return cudaSuccess;
  return DispatchElement(p.element, [&](auto zero) {
    using T = decltype(zero);
    const RowShape shape = ShapeOf(p.rows, CeilDiv(p.width, kWideValues<float>));
    const bool next = p.next_weight != nullptr;
    if (shape.packs == 0 || !CanBeWide<float>({p.residual}, {p.residual_stride}) ||
        !CanBeWide<T>({p.x, p.weight, p.next_weight, next ? p.out : nullptr},
                      {p.x_stride, next ? p.out_stride : 0, p.width})) {
      AnyAddRmsNormKernel<T><<<static_cast<unsigned>(p.rows), kAnyThreads, 0, stream>>>(p);
    } else {
      DispatchPacks(shape, [&](auto packs) {
        AddRmsNormKernel<T, packs.value><<<shape.grid, shape.block, 0, stream>>>(p);
      });
    }
    return cudaGetLastError();
  });
}

}  // namespace glyph::vlm::kernels
