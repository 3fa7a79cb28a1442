#include "vlm_service/kernels/pack.cuh"
#include "vlm_service/kernels/rows.h"

namespace glyph::vlm::kernels {
namespace {

struct MoveParams {
  const void* source;
  int64_t source_stride;
  void* out;
  int64_t out_stride;
  const int32_t* indices;
  const int32_t* slots;  // null, or what indices is indexed by
  bool scatter;          // indices name rows of out, else of source
  int64_t rows;
  int64_t width;
  unsigned chunks;  // of a row
};

// The same values as `To`s, which hold every `From`; the very bits where the types are one.
template <typename To, typename From, int kValues>
__device__ inline Pack<To, kValues> Widened(const Pack<From, kValues>& pack) {
  if constexpr (std::is_same_v<To, From>) {
    return pack;
  } else {
    float values[kValues];
    pack.ToFloats(values);
    return Pack<To, kValues>::Rounded(values);
  }
}

// A thread moves kPacks packs of kValues.
template <typename From, typename To, int kValues, int kPacks>
__global__ void MoveRowsKernel(const MoveParams p) {
  const int64_t i = blockIdx.x / p.chunks;
  int32_t index = p.slots == nullptr ? static_cast<int32_t>(i) : p.slots[i];
  if (index >= 0) index = p.indices[index];
  if (index < 0) return;
  const From* source =
      static_cast<const From*>(p.source) + (p.scatter ? i : index) * p.source_stride;
  To* out = static_cast<To*>(p.out) + (p.scatter ? index : i) * p.out_stride;
  const int64_t first =
      (static_cast<int64_t>(blockIdx.x % p.chunks) * kPacks * blockDim.x + threadIdx.x) * kValues;
  const int64_t step = static_cast<int64_t>(blockDim.x) * kValues;
  Pack<From, kValues> packs[kPacks];
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    const int64_t at = first + k * step;
    if (at < p.width) packs[k] = Pack<From, kValues>::Load(source + at);
  }
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    const int64_t at = first + k * step;
    if (at < p.width) Widened<To>(packs[k]).Store(out + at);
  }
}

template <typename From, typename To, int kValues, int kPacks>
cudaError_t LaunchShape(MoveParams p, cudaStream_t stream) {
  constexpr int64_t kThreads = 256;
  const int64_t packs = CeilDiv(p.width, kValues);
  const int64_t chunks = CeilDiv(packs, kThreads * kPacks);
  p.chunks = static_cast<unsigned>(chunks);
  const unsigned threads = WarpsOf(CeilDiv(packs, chunks * kPacks));
  const int64_t blocks = p.rows * chunks;
  if (blocks > INT32_MAX) return cudaErrorInvalidValue;
  MoveRowsKernel<From, To, kValues, kPacks>
      <<<static_cast<unsigned>(blocks), threads, 0, stream>>>(p);
  return cudaGetLastError();
}

template <typename From, typename To>
cudaError_t LaunchMove(const MoveParams& p, cudaStream_t stream) {
  constexpr int64_t kManyRows = 1024;
  if (p.rows < 0 || p.width <= 0) return cudaErrorInvalidValue;
  if (p.rows == 0) return cudaSuccess;
  if (!CanBeWide<From>({p.source}, {p.source_stride, p.width}) ||
      !CanBeWide<To>({p.out}, {p.out_stride})) {
    return LaunchShape<From, To, 1, 4>(p, stream);
  }
  return p.rows < kManyRows ? LaunchShape<From, To, kWideValues<To>, 1>(p, stream)
                            : LaunchShape<From, To, kWideValues<To>, 4>(p, stream);
}

}  // namespace

cudaError_t LaunchGatherRows(const GatherRowsParams& p, cudaStream_t stream) {
  return DispatchElement(p.element, [&](auto zero) {
    return LaunchMove<decltype(zero), float>({.source = p.source,
                                              .source_stride = p.source_stride,
                                              .out = p.out,
                                              .out_stride = p.out_stride,
                                              .indices = p.indices,
                                              .slots = nullptr,
                                              .scatter = false,
                                              .rows = p.rows,
                                              .width = p.width,
                                              .chunks = 1},
                                             stream);
  });
}

cudaError_t LaunchScatterRows(const ScatterRowsParams& p, cudaStream_t stream) {
  return DispatchElement(p.element, [&](auto zero) {
    using T = decltype(zero);
    return LaunchMove<T, T>({.source = p.source,
                             .source_stride = p.source_stride,
                             .out = p.out,
                             .out_stride = p.out_stride,
                             .indices = p.indices,
                             .slots = nullptr,
                             .scatter = true,
                             .rows = p.rows,
                             .width = p.width,
                             .chunks = 1},
                            stream);
  });
}

cudaError_t LaunchEmbedTokens(const EmbedTokensParams& p, cudaStream_t stream) {
  return DispatchElement(p.element, [&](auto zero) {
    return LaunchMove<decltype(zero), float>({.source = p.table,
                                              .source_stride = p.table_stride,
                                              .out = p.out,
                                              .out_stride = p.out_stride,
                                              .indices = p.last_token,
                                              .slots = p.slots,
                                              .scatter = false,
                                              .rows = p.rows,
                                              .width = p.width,
                                              .chunks = 1},
                                             stream);
  });
}

}  // namespace glyph::vlm::kernels
