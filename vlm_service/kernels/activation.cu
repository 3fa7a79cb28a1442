#include <algorithm>

#include "vlm_service/kernels/activation.h"
#include "vlm_service/kernels/pack.cuh"

namespace glyph::vlm::kernels {
namespace {

// out[r, i] = Function(a[r, i], b[r, i]). Row by row, in chunks of one block.
struct MapParams {
  const void* a;
  int64_t a_stride;
  const void* b;  // unread by functions of one value
  int64_t b_stride;
  void* out;
  int64_t out_stride;
  int64_t rows;
  int64_t width;
  unsigned chunks;  // of a row
};

struct SiluMul {
  static constexpr bool kTwo = true;
  // bfloat16 does not see the last bits that the fast exponential and quotient get wrong.
  template <typename T>
  __device__ static float Of(float gate, float up) {
    float silu;
    if constexpr (std::is_same_v<T, float>) {
      silu = gate / (1.0f + expf(-gate));
    } else {
      silu = __fdividef(gate, 1.0f + __expf(-gate));
    }
    return __fmul_rn(RoundTo<T>(silu), up);
  }
};

struct Gelu {
  static constexpr bool kTwo = false;
  template <typename T>
  __device__ static float Of(float x, float) {
    constexpr float kRootOfHalf = 0.70710678118654752f;
    return x * 0.5f * (1.0f + erff(x * kRootOfHalf));
  }
};

struct Add {
  static constexpr bool kTwo = true;
  template <typename T>
  __device__ static float Of(float a, float b) {
    return a + b;
  }
};

template <typename Function, typename T, int kValues, int kPacks>
__global__ void MapKernel(const MapParams p) {
  using P = Pack<T, kValues>;
  const int64_t row = blockIdx.x / p.chunks;
  const int64_t first =
      (static_cast<int64_t>(blockIdx.x % p.chunks) * kPacks * blockDim.x + threadIdx.x) * kValues;
  const int64_t step = static_cast<int64_t>(blockDim.x) * kValues;
  const T* a_row = static_cast<const T*>(p.a) + row * p.a_stride;
  const T* b_row = static_cast<const T*>(p.b) + row * p.b_stride;
  T* out_row = static_cast<T*>(p.out) + row * p.out_stride;
  P a[kPacks];
  P b[kPacks];
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    const int64_t at = first + k * step;
    if (at >= p.width) continue;
    a[k] = P::Load(a_row + at);
    if constexpr (Function::kTwo) b[k] = P::Load(b_row + at);
  }
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    const int64_t at = first + k * step;
    if (at >= p.width) continue;
    float values[kValues];
    float others[kValues] = {};
    a[k].ToFloats(values);
    if constexpr (Function::kTwo) b[k].ToFloats(others);
#pragma unroll
    for (int i = 0; i < kValues; ++i) values[i] = Function::template Of<T>(values[i], others[i]);
    P::Rounded(values).Store(out_row + at);
  }
}

template <typename Function, typename T, int kValues, int kPacks>
cudaError_t LaunchShape(MapParams p, cudaStream_t stream) {
  constexpr int64_t kThreads = 256;
  const int64_t packs = CeilDiv(p.width, kValues);
  const int64_t chunks = CeilDiv(packs, kThreads * kPacks);
  p.chunks = static_cast<unsigned>(chunks);
  const unsigned threads = WarpsOf(CeilDiv(packs, chunks * kPacks));
  const int64_t blocks = p.rows * chunks;
  if (blocks > INT32_MAX) return cudaErrorInvalidValue;
  MapKernel<Function, T, kValues, kPacks><<<static_cast<unsigned>(blocks), threads, 0, stream>>>(p);
  return cudaGetLastError();
}

// Where rows follow each other everywhere they are one.
void JoinRows(MapParams& p) {
  if (p.a_stride != p.width || p.b_stride != p.width || p.out_stride != p.width) return;
  p.width *= p.rows;
  p.rows = 1;
}

template <typename Function>
cudaError_t LaunchMap(Element element, MapParams p, cudaStream_t stream) {
  constexpr int64_t kManyPacks = 1 << 18;  // one for each thread of a large GPU
  if (p.rows < 0 || p.width <= 0) return cudaErrorInvalidValue;
  if (p.rows == 0) return cudaSuccess;
  JoinRows(p);
  return DispatchElement(element, [&](auto zero) {
    using T = decltype(zero);
    if (!CanBeWide<T>({p.a, p.b, p.out}, {p.a_stride, p.b_stride, p.out_stride, p.width})) {
      return LaunchShape<Function, T, 1, 4>(p, stream);
    }
    if (p.rows * (p.width / kWideValues<T>) < kManyPacks) {
      return LaunchShape<Function, T, kWideValues<T>, 1>(p, stream);
    }
    return LaunchShape<Function, T, kWideValues<T>, 4>(p, stream);
  });
}

}  // namespace

cudaError_t LaunchSiluMul(const SiluMulParams& p, cudaStream_t stream) {
  const int64_t up = p.width * (p.element == Element::kFloat32 ? 4 : 2);
  return LaunchMap<SiluMul>(p.element,
                            {.a = p.gate_up,
                             .a_stride = p.gate_up_stride,
                             .b = static_cast<const char*>(p.gate_up) + up,
                             .b_stride = p.gate_up_stride,
                             .out = p.out,
                             .out_stride = p.out_stride,
                             .rows = p.rows,
                             .width = p.width,
                             .chunks = 1},
                            stream);
}

cudaError_t LaunchGelu(const GeluParams& p, cudaStream_t stream) {
  return LaunchMap<Gelu>(p.element,
                         {.a = p.x,
                          .a_stride = p.x_stride,
                          .b = nullptr,
                          .b_stride = p.x_stride,
                          .out = p.x,
                          .out_stride = p.x_stride,
                          .rows = p.rows,
                          .width = p.width,
                          .chunks = 1},
                         stream);
}

cudaError_t LaunchAdd(const AddParams& p, cudaStream_t stream) {
  return LaunchMap<Add>(p.element,
                        {.a = p.residual,
                         .a_stride = p.residual_stride,
                         .b = p.x,
                         .b_stride = p.x_stride,
                         .out = p.residual,
                         .out_stride = p.residual_stride,
                         .rows = p.rows,
                         .width = p.width,
                         .chunks = 1},
                        stream);
}

}  // namespace glyph::vlm::kernels
