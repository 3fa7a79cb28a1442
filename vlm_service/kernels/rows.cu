#include "vlm_service/kernels/pack.cuh"
#include "vlm_service/kernels/rows.h"

namespace glyph::vlm::kernels {
namespace {

struct CopyParams {
  const void* source;
  int64_t source_stride;  // bytes, as the others
  void* out;
  int64_t out_stride;
  const int32_t* indices;
  const int32_t* slots;  // null, or what indices is indexed by
  bool scatter;          // indices name rows of out, else of source
  int64_t rows;
  int64_t row_bytes;
  unsigned chunks;  // of a row
};

// Unit is what one access moves, kUnits the accesses of a thread.
template <typename Unit, int kUnits>
__global__ void CopyRowsKernel(const CopyParams p) {
  const int64_t i = blockIdx.x / p.chunks;
  int32_t index = p.slots == nullptr ? static_cast<int32_t>(i) : p.slots[i];
  if (index >= 0) index = p.indices[index];
  if (index < 0) return;
  const int64_t from = p.scatter ? i : index;
  const int64_t to = p.scatter ? index : i;
  const auto* source =
      reinterpret_cast<const Unit*>(static_cast<const char*>(p.source) + from * p.source_stride);
  auto* out = reinterpret_cast<Unit*>(static_cast<char*>(p.out) + to * p.out_stride);
  const int64_t first =
      static_cast<int64_t>(blockIdx.x % p.chunks) * kUnits * blockDim.x + threadIdx.x;
  const int64_t count = p.row_bytes / static_cast<int64_t>(sizeof(Unit));
  Unit units[kUnits];
#pragma unroll
  for (int k = 0; k < kUnits; ++k) {
    const int64_t at = first + static_cast<int64_t>(k) * blockDim.x;
    if (at < count) units[k] = source[at];
  }
#pragma unroll
  for (int k = 0; k < kUnits; ++k) {
    const int64_t at = first + static_cast<int64_t>(k) * blockDim.x;
    if (at < count) out[at] = units[k];
  }
}

template <typename Unit, int kUnits>
cudaError_t LaunchUnits(CopyParams p, cudaStream_t stream) {
  constexpr int64_t kThreads = 256;
  const int64_t units = p.row_bytes / static_cast<int64_t>(sizeof(Unit));
  const int64_t chunks = CeilDiv(units, kThreads * kUnits);
  p.chunks = static_cast<unsigned>(chunks);
  const unsigned threads = WarpsOf(CeilDiv(units, chunks * kUnits));
  const int64_t blocks = p.rows * chunks;
  if (blocks > INT32_MAX) return cudaErrorInvalidValue;
  CopyRowsKernel<Unit, kUnits><<<static_cast<unsigned>(blocks), threads, 0, stream>>>(p);
  return cudaGetLastError();
}

cudaError_t LaunchCopy(const CopyParams& p, cudaStream_t stream) {
  constexpr int64_t kManyRows = 1024;
  if (p.rows < 0 || p.row_bytes <= 0) return cudaErrorInvalidValue;
  if (p.row_bytes % 2 != 0 || p.source_stride % 2 != 0 || p.out_stride % 2 != 0) {
    return cudaErrorInvalidValue;
  }
  if (p.rows == 0) return cudaSuccess;
  if (!CanBeWide<char>({p.source, p.out}, {p.source_stride, p.out_stride, p.row_bytes})) {
    return LaunchUnits<uint16_t, 4>(p, stream);
  }
  return p.rows < kManyRows ? LaunchUnits<uint4, 1>(p, stream) : LaunchUnits<uint4, 4>(p, stream);
}

}  // namespace

cudaError_t LaunchGatherRows(const GatherRowsParams& p, cudaStream_t stream) {
  return LaunchCopy({.source = p.source,
                     .source_stride = p.source_stride_bytes,
                     .out = p.out,
                     .out_stride = p.out_stride_bytes,
                     .indices = p.indices,
                     .slots = nullptr,
                     .scatter = false,
                     .rows = p.rows,
                     .row_bytes = p.row_bytes,
                     .chunks = 1},
                    stream);
}

cudaError_t LaunchScatterRows(const ScatterRowsParams& p, cudaStream_t stream) {
  return LaunchCopy({.source = p.source,
                     .source_stride = p.source_stride_bytes,
                     .out = p.out,
                     .out_stride = p.out_stride_bytes,
                     .indices = p.indices,
                     .slots = nullptr,
                     .scatter = true,
                     .rows = p.rows,
                     .row_bytes = p.row_bytes,
                     .chunks = 1},
                    stream);
}

cudaError_t LaunchEmbedTokens(const EmbedTokensParams& p, cudaStream_t stream) {
  return LaunchCopy({.source = p.table,
                     .source_stride = p.table_stride_bytes,
                     .out = p.out,
                     .out_stride = p.out_stride_bytes,
                     .indices = p.last_token,
                     .slots = p.slots,
                     .scatter = false,
                     .rows = p.rows,
                     .row_bytes = p.row_bytes,
                     .chunks = 1},
                    stream);
}

}  // namespace glyph::vlm::kernels
