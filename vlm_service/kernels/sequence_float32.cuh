#pragma once
#include "vlm_service/kernels/sequence_source.cuh"

// Sequence attention in float32, for exactness rather than speed: plain products and expf.
namespace glyph::vlm::kernels {

inline constexpr int kFloatThreads = 256;
inline constexpr int kFloatRows = 32;    // of queries, eight lanes each
inline constexpr int kFloatTokens = 32;  // of a tile

template <int kHeadDim>
struct SequenceFloatShared {
  // Rows four floats longer than needed: eight rows' same 16 bytes lie in different banks.
  float query[kFloatRows][kHeadDim + 4];
  float k[kFloatTokens][kHeadDim + 4];
  float v[kFloatTokens][kHeadDim];
  float weights[kFloatRows][kFloatTokens + 1];
};

// Zeros for tokens from `end` on, which are not read.
template <int kHeadDim, typename Source>
__device__ void LoadFloatTile(const Source& source, int first, int end,
                              SequenceFloatShared<kHeadDim>& shared) {
  for (int i = threadIdx.x; i < kFloatTokens * kHeadDim; i += kFloatThreads) {
    const int token = i / kHeadDim;
    const int dim = i % kHeadDim;
    const bool valid = first + token < end;
    const int64_t offset = valid ? source.Offset(first + token) + dim : 0;
    shared.k[token][dim] = valid ? source.k[offset] : 0;
    shared.v[token][dim] = valid ? source.v[offset] : 0;
  }
}

__device__ __forceinline__ float Max8(float x) {
  for (int step = 4; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(0xFFFFFFFF, x, step));
  return x;
}
__device__ __forceinline__ float Sum8(float x) {
  for (int step = 4; step > 0; step /= 2) x += __shfl_xor_sync(0xFFFFFFFF, x, step);
  return x;
}

template <int kHeadDim>
__device__ __forceinline__ float Dot(const float* a, const float* b) {
  float sum = 0;
#pragma unroll 4
  for (int d = 0; d < kHeadDim; d += 4) {
    const float4 x = *reinterpret_cast<const float4*>(a + d);
    const float4 y = *reinterpret_cast<const float4*>(b + d);
    sum = fmaf(x.x, y.x, sum);
    sum = fmaf(x.y, y.y, sum);
    sum = fmaf(x.z, y.z, sum);
    sum = fmaf(x.w, y.w, sum);
  }
  return sum;
}

template <int kHeadDim, typename Source>
__global__ __launch_bounds__(kFloatThreads) void SequenceFloat32Kernel(const __grid_constant__
                                                                       typename Source::Params p) {
  extern __shared__ __align__(256) char memory[];
  auto& shared = *reinterpret_cast<SequenceFloatShared<kHeadDim>*>(memory);
  constexpr int kQuads = kHeadDim / 32;  // of a row's dimensions, a lane's
  const int head = blockIdx.y;
  const int first_row = (gridDim.x - 1 - blockIdx.x) * kFloatRows;
  const int row = threadIdx.x / 8;
  const int lane = threadIdx.x % 8;
  const Source source(p, head);
  const int end = source.Visible(first_row + kFloatRows - 1);
  const int visible = source.Visible(first_row + row);
  const float* q = static_cast<const float*>(p.q) + head * p.q_head_stride;
  for (int i = threadIdx.x; i < kFloatRows * kHeadDim; i += kFloatThreads) {
    const int from = first_row + i / kHeadDim;
    shared.query[i / kHeadDim][i % kHeadDim] =
        from < p.rows ? q[from * p.q_row_stride + i % kHeadDim] : 0;
  }
  float4 numerator[kQuads];
  for (float4& x : numerator) x = make_float4(0, 0, 0, 0);
  float max = -INFINITY;
  float sum = 0;
  for (int first = 0; first < end; first += kFloatTokens) {
    __syncthreads();
    LoadFloatTile<kHeadDim>(source, first, end, shared);
    __syncthreads();
    float scores[kFloatTokens / 8];
    float top = max;
#pragma unroll
    for (int i = 0; i < kFloatTokens / 8; ++i) {
      const int token = i * 8 + lane;
      scores[i] = first + token < visible
                      ? Dot<kHeadDim>(shared.query[row], shared.k[token]) * p.scale
                      : -INFINITY;
      top = fmaxf(top, scores[i]);
    }
    top = Max8(top);
    const float kept = expf(max - top);
    max = top;
    float added = 0;
#pragma unroll
    for (int i = 0; i < kFloatTokens / 8; ++i) {
      const float weight = expf(scores[i] - top);
      shared.weights[row][i * 8 + lane] = weight;
      added += weight;
    }
    sum = sum * kept + Sum8(added);
    __syncwarp();  // a row's weights are of one warp
    for (float4& x : numerator) x = make_float4(x.x * kept, x.y * kept, x.z * kept, x.w * kept);
#pragma unroll 4
    for (int token = 0; token < kFloatTokens; ++token) {
      const float weight = shared.weights[row][token];
#pragma unroll
      for (int i = 0; i < kQuads; ++i) {
        const float4 v = *reinterpret_cast<const float4*>(&shared.v[token][(i * 8 + lane) * 4]);
        numerator[i].x = fmaf(weight, v.x, numerator[i].x);
        numerator[i].y = fmaf(weight, v.y, numerator[i].y);
        numerator[i].z = fmaf(weight, v.z, numerator[i].z);
        numerator[i].w = fmaf(weight, v.w, numerator[i].w);
      }
    }
  }
  if (first_row + row >= p.rows) return;
  float* out =
      static_cast<float*>(p.out) + (first_row + row) * p.out_row_stride + head * p.out_head_stride;
#pragma unroll
  for (int i = 0; i < kQuads; ++i) {
    float* to = out + (i * 8 + lane) * 4;
    to[0] = numerator[i].x / sum;
    to[1] = numerator[i].y / sum;
    to[2] = numerator[i].z / sum;
    to[3] = numerator[i].w / sum;
  }
}

}  // namespace glyph::vlm::kernels
