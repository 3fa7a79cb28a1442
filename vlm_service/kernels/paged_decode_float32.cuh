#pragma once
#include "vlm_service/kernels/decode_chunks.cuh"

// Decode attention in float32, for exactness rather than speed: plain products and expf.
namespace glyph::vlm::kernels {

inline constexpr int kFloatTileTokens = 64;

template <int kHeadDim>
struct Float32Shared {
  float query[16][kHeadDim];
  float weights[16][kFloatTileTokens];  // scores at first
  float max[16];
  float sum[16];
  float kept[16];
  int32_t sums[kDecodeThreads / 32];
  int32_t last;
};

// Element offset of a token's row of kHeadDim values in a cache.
template <int kHeadDim>
__device__ __forceinline__ int64_t CacheOffset(const PagedDecodeAttentionParams& p,
                                               const DecodeItem& item, int token) {
  const int64_t block = p.tables[item.row * p.table_stride + token / p.block_tokens];
  return ((block * p.kv_heads + item.kv_head) * p.block_tokens + token % p.block_tokens) * kHeadDim;
}

// Scores of `count` tokens from `first` on; a warp takes every fourth token.
template <int kHeadDim>
__device__ void ScoreTokens(const PagedDecodeAttentionParams& p, const DecodeItem& item, int group,
                            int first, int count, Float32Shared<kHeadDim>& shared) {
  const int lane = threadIdx.x % 32;
  for (int i = threadIdx.x / 32; i < count; i += kDecodeThreads / 32) {
    const float* k =
        static_cast<const float*>(p.k_cache) + CacheOffset<kHeadDim>(p, item, first + i);
    float values[kHeadDim / 32];
#pragma unroll
    for (int d = 0; d < kHeadDim / 32; ++d) values[d] = k[d * 32 + lane];
    for (int head = 0; head < group; ++head) {
      float sum = 0;
#pragma unroll
      for (int d = 0; d < kHeadDim / 32; ++d) {
        sum = fmaf(values[d], shared.query[head][d * 32 + lane], sum);
      }
      for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xFFFFFFFF, sum, step);
      if (lane == 0) shared.weights[head][i] = sum * p.scale;
    }
  }
}

// Scores become weights; a warp takes every fourth head.
template <int kHeadDim>
__device__ void WeighTokens(int group, int count, Float32Shared<kHeadDim>& shared) {
  const int lane = threadIdx.x % 32;
  for (int head = threadIdx.x / 32; head < group; head += kDecodeThreads / 32) {
    float(&weights)[kFloatTileTokens] = shared.weights[head];
    float max = shared.max[head];
    for (int i = lane; i < count; i += 32) max = fmaxf(max, weights[i]);
    for (int step = 16; step > 0; step /= 2) {
      max = fmaxf(max, __shfl_xor_sync(0xFFFFFFFF, max, step));
    }
    float sum = 0;
    for (int i = lane; i < count; i += 32) {
      weights[i] = expf(weights[i] - max);
      sum += weights[i];
    }
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xFFFFFFFF, sum, step);
    __syncwarp();
    if (lane == 0) {
      const float kept = expf(shared.max[head] - max);
      shared.kept[head] = kept;
      shared.sum[head] = shared.sum[head] * kept + sum;
      shared.max[head] = max;
    }
  }
}

// One item: into its place in the workspace, or into `out` where the row is this item alone.
template <int kHeadDim>
__device__ void AttendItem(const PagedDecodeAttentionParams& p, const DecodeWorkspace& w,
                           const DecodeItem& item, int group, Float32Shared<kHeadDim>& shared) {
  constexpr int kParts = kDecodeThreads / kHeadDim;  // thread sets, each with its heads
  const int dim = threadIdx.x % kHeadDim;
  const int part = threadIdx.x / kHeadDim;
  const float* q = static_cast<const float*>(p.q) + item.row * p.q_row_stride +
                   static_cast<int64_t>(item.kv_head) * group * kHeadDim;
  __syncthreads();
  for (int i = threadIdx.x; i < group * kHeadDim; i += kDecodeThreads) {
    shared.query[i / kHeadDim][i % kHeadDim] = q[i];
  }
  if (threadIdx.x < 16) {
    shared.max[threadIdx.x] = -INFINITY;
    shared.sum[threadIdx.x] = 0;
  }
  float numerator[16 / kParts] = {};
  for (int first = item.begin; first < item.end; first += kFloatTileTokens) {
    const int count = min(kFloatTileTokens, item.end - first);
    __syncthreads();
    ScoreTokens<kHeadDim>(p, item, group, first, count, shared);
    __syncthreads();
    WeighTokens<kHeadDim>(group, count, shared);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 16 / kParts; ++i) {
      if (i * kParts + part < group) numerator[i] *= shared.kept[i * kParts + part];
    }
    for (int token = 0; token < count; ++token) {
      const float v =
          static_cast<const float*>(p.v_cache)[CacheOffset<kHeadDim>(p, item, first + token) + dim];
#pragma unroll
      for (int i = 0; i < 16 / kParts; ++i) {
        const int head = i * kParts + part;
        if (head < group) numerator[i] = fmaf(shared.weights[head][token], v, numerator[i]);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < 16 / kParts; ++i) {
    const int head = i * kParts + part;
    if (head >= group) continue;
    if (item.num_chunks == 1) {
      const int64_t at = static_cast<int64_t>(item.row) * p.heads + item.kv_head * group + head;
      static_cast<float*>(p.out)[at * kHeadDim + dim] = numerator[i] / shared.sum[head];
    } else {
      const int64_t at = static_cast<int64_t>(item.index) * group + head;
      w.numerators[at * kHeadDim + dim] = numerator[i];
      if (dim == 0) w.item_stats[at] = make_float2(shared.max[head], shared.sum[head]);
    }
  }
}

template <int kHeadDim>
__global__ __launch_bounds__(kDecodeThreads, 4) void DecodeFloat32Kernel(
    const __grid_constant__ PagedDecodeAttentionParams p) {
  using Shared = Float32Shared<kHeadDim>;
  extern __shared__ __align__(256) char memory[];
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const DecodeSchedule schedule(p, reinterpret_cast<int32_t*>(memory + sizeof(Shared)),
                                shared.sums);
  const DecodeWorkspace workspace(p);
  ClearPadding<float, kHeadDim>(p, schedule);
  for (int32_t index = blockIdx.x; index < schedule.num_items(); index += gridDim.x) {
    const DecodeItem item = schedule.Item(index);
    AttendItem<kHeadDim>(p, workspace, item, p.heads / p.kv_heads, shared);
    if (item.num_chunks > 1) FinishItem<float, kHeadDim>(p, workspace, item, &shared.last);
  }
}

}  // namespace glyph::vlm::kernels
