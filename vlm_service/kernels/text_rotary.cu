#include <algorithm>

#include "vlm_service/kernels/pack.cuh"
#include "vlm_service/kernels/rotary.h"
#include "vlm_service/kernels/rotary_angles.cuh"

namespace glyph::vlm::kernels {
namespace {

constexpr int kHeadsAtOnce = 4;  // whose loads a thread has under way together
constexpr int kMaxThreads = 512;

// Rotates kValues / 2 adjacent pairs.
template <typename T, int kValues>
__device__ inline Pack<T, kValues> Rotated(const Pack<T, kValues>& pack,
                                           const Angles<kValues / 2>& angles) {
  float x[kValues];
  float by_cos[kValues];
  float by_sin[kValues];
  pack.ToFloats(x);
#pragma unroll
  for (int i = 0; i < kValues; i += 2) {
    by_cos[i] = __fmul_rn(x[i], angles.cos[i / 2]);
    by_cos[i + 1] = __fmul_rn(x[i + 1], angles.cos[i / 2]);
    by_sin[i] = __fmul_rn(-x[i + 1], angles.sin[i / 2]);
    by_sin[i + 1] = __fmul_rn(x[i], angles.sin[i / 2]);
  }
  RoundAll<T>(by_cos);
  RoundAll<T>(by_sin);
#pragma unroll
  for (int i = 0; i < kValues; ++i) x[i] = __fadd_rn(by_cos[i], by_sin[i]);
  return Pack<T, kValues>::Rounded(x);
}

// The first value of a KV head's row in a cache.
__device__ inline int64_t CacheOffset(const TextRotaryParams& p, int32_t slot, int head) {
  const int64_t block = slot / p.block_tokens;
  const int64_t token = slot % p.block_tokens;
  return ((block * p.kv_heads + head) * p.block_tokens + token) * p.head_dim;
}

// Copies what is not rotated: the rest of the keys, and the values. Nowhere for padding.
template <typename T, int kValues>
__device__ inline void CopyRest(const TextRotaryParams& p, const T* row, int32_t slot) {
  using P = Pack<T, kValues>;
  const int rotated = 2 * p.half;
  const int k_packs = (p.head_dim - rotated) / kValues;
  const int v_packs = p.head_dim / kValues;
  const int head_packs = k_packs + v_packs;
  // From the last thread on: the first ones rotate most.
  for (int item = static_cast<int>(blockDim.x - 1 - threadIdx.x); item < p.kv_heads * head_packs;
       item += static_cast<int>(blockDim.x)) {
    const int head = item / head_packs;
    const int pack = item % head_packs;
    const bool is_key = pack < k_packs;
    const int at = is_key ? rotated + pack * kValues : (pack - k_packs) * kValues;
    const int in_row = p.heads + head + (is_key ? 0 : p.kv_heads);
    T* cache = static_cast<T*>(is_key ? p.k_cache : p.v_cache) + CacheOffset(p, slot, head);
    const P pack_of_row = P::Load(row + static_cast<int64_t>(in_row) * p.head_dim + at);
    if (slot >= 0) pack_of_row.Store(cache + at);
  }
}

// One block a row. Thread t rotates the pairs of pack t % lanes in heads t / lanes, + groups, ...,
// queries and keys in turn, where a head has `lanes` packs to rotate.
template <typename T, int kValues>
__global__ void __launch_bounds__(kMaxThreads)
    TextRotaryKernel(const TextRotaryParams p, int lanes, int groups) {
  using P = Pack<T, kValues>;
  const int64_t row = blockIdx.x;
  const int32_t slot = p.slots[row];
  T* const x = static_cast<T*>(p.qkv) + row * p.qkv_stride;
  const int group = static_cast<int>(threadIdx.x) / lanes;
  const int lane = static_cast<int>(threadIdx.x) % lanes;
  const int all_heads = p.heads + p.kv_heads;
  if (group < groups) {
    const int at = lane * kValues;
    P packs[kHeadsAtOnce];
    const auto load = [&](int first) {
#pragma unroll
      for (int i = 0; i < kHeadsAtOnce; ++i) {
        const int head = first + i * groups;
        if (head < all_heads) packs[i] = P::Load(x + static_cast<int64_t>(head) * p.head_dim + at);
      }
    };
    load(group);
    AxisPositions<3> positions(p.positions, p.axis_stride, row);
    // Padding is computed like the rest, so that no load waits for the slot, but never stored.
    if (slot < 0) positions = {};
    const Angles<kValues / 2> angles(positions, p.axis, p.cos, p.sin, lane * (kValues / 2), p.half);
    const int step = kHeadsAtOnce * groups;
    for (int first = group; first < all_heads; first += step) {
#pragma unroll
      for (int i = 0; i < kHeadsAtOnce; ++i) {
        const int head = first + i * groups;
        if (head >= all_heads) continue;
        T* to = x + static_cast<int64_t>(head) * p.head_dim;
        if (head >= p.heads) {
          to = static_cast<T*>(p.k_cache) + CacheOffset(p, slot, head - p.heads);
        }
        const P rotated = Rotated<T, kValues>(packs[i], angles);
        if (slot >= 0) rotated.Store(to + at);
      }
      load(first + step);
    }
  }
  CopyRest<T, kValues>(p, x, slot);
}

template <typename T, int kValues>
cudaError_t LaunchShape(const TextRotaryParams& p, cudaStream_t stream) {
  constexpr int64_t kManyRows = 512;
  const int64_t all_heads = p.heads + p.kv_heads;
  const int64_t lanes = std::max(2 * p.half / kValues, 1);
  if (lanes > kMaxThreads) return cudaErrorInvalidValue;
  const int64_t wanted = p.rows < kManyRows ? all_heads : CeilDiv(all_heads, kHeadsAtOnce);
  const int64_t groups = p.half == 0 ? 0 : std::min<int64_t>(wanted, kMaxThreads / lanes);
  const int64_t rest = p.kv_heads * (2 * p.head_dim - 2 * p.half) / kValues;
  const unsigned threads =
      std::min<unsigned>(kMaxThreads, WarpsOf(std::max<int64_t>(lanes * groups + rest, 1)));
  TextRotaryKernel<T, kValues><<<static_cast<unsigned>(p.rows), threads, 0, stream>>>(
      p, static_cast<int>(lanes), static_cast<int>(groups));
  return cudaGetLastError();
}

}  // namespace

cudaError_t LaunchTextRotary(const TextRotaryParams& p, cudaStream_t stream) {
  if (p.rows < 0 || p.heads < 0 || p.kv_heads <= 0 || p.head_dim <= 0 || p.head_dim % 2 != 0 ||
      p.half < 0 || 2 * p.half > p.head_dim || p.block_tokens <= 0) {
    return cudaErrorInvalidValue;
  }
  if (p.rows == 0) return cudaSuccess;
  return DispatchElement(p.element, [&](auto zero) {
    using T = decltype(zero);
    if (CanBeWide<T>({p.qkv, p.k_cache, p.v_cache}, {p.qkv_stride, p.head_dim, 2 * p.half})) {
      return LaunchShape<T, kWideValues<T>>(p, stream);
    }
    return LaunchShape<T, 2>(p, stream);
  });
}

}  // namespace glyph::vlm::kernels
