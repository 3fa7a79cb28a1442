#pragma once
#include <cuda_bf16.h>

#include <cstdint>

#include "vlm_service/kernels/attention_tiles.cuh"
#include "vlm_service/kernels/paged_decode_attention.h"

// How decode attention is cut into items, one for each chunk and KV head, and joined again. An
// item's softmax numerator [group, head_dim] is relative to its maximum; the pair beside it is
// (maximum, denominator). Eight chunks make a section. Whoever finishes a section's last item joins
// the section, whoever joins a row's last section joins the row: always in the order of tokens.
namespace glyph::vlm::kernels {

inline constexpr int kDecodeThreads = 128;
inline constexpr int kSectionChunks = 8;

// The exponential that an item's maximum and scores are in: of 2 for bf16, of e for float32.
template <typename T>
__device__ __forceinline__ float ScoreExp(float x) {
  if constexpr (sizeof(T) == 4) {
    return expf(x);
  } else {
    return Exp2(x);
  }
}

__device__ __forceinline__ void StoreOutput(float* to, float4 x) {
  *reinterpret_cast<float4*>(to) = x;
}
__device__ __forceinline__ void StoreOutput(__nv_bfloat16* to, float4 x) {
  *reinterpret_cast<uint2*>(to) = make_uint2(PackBf16(x.x, x.y), PackBf16(x.z, x.w));
}

__device__ __forceinline__ float4 Scaled(float4 x, float factor) {
  return make_float4(x.x * factor, x.y * factor, x.z * factor, x.w * factor);
}
__device__ __forceinline__ float4 AddScaled(float4 sum, float4 x, float factor) {
  return make_float4(fmaf(x.x, factor, sum.x), fmaf(x.y, factor, sum.y), fmaf(x.z, factor, sum.z),
                     fmaf(x.w, factor, sum.w));
}

// The workspace: its layout depends on max_chunks and the shape, not on rows.
struct DecodeWorkspace {
  float* numerators;      // [items, group, head_dim]; a section's replaces its first item's
  float2* item_stats;     // [items, group]
  float2* section_stats;  // [items, group], at a section's first item
  // [items], zero between launches. At a section's first item: how many of its items are done; at
  // the second of a row: how many of its sections.
  int32_t* arrived;

  static int64_t Bytes(int64_t max_chunks, int64_t heads, int64_t kv_heads, int64_t head_dim) {
    return max_chunks * (heads * (head_dim * 4 + 16) + kv_heads * 4);
  }
  __device__ explicit DecodeWorkspace(const PagedDecodeAttentionParams& p)
      : numerators(static_cast<float*>(p.workspace)) {
    const int64_t pairs = static_cast<int64_t>(p.max_chunks) * p.heads;
    item_stats = reinterpret_cast<float2*>(numerators + pairs * p.head_dim);
    section_stats = item_stats + pairs;
    arrived = reinterpret_cast<int32_t*>(section_stats + pairs);
  }
};

struct DecodeItem {
  int32_t index;  // (chunk among all rows' chunks) * kv_heads + kv_head
  int32_t row;
  int32_t kv_head;
  int32_t begin;  // tokens of the row, [begin, end)
  int32_t end;
  int32_t chunk;       // within the row
  int32_t num_chunks;  // of the row
};

// The division of one launch, the same in every CTA. `starts` [rows + 1] is in shared memory.
class DecodeSchedule {
 public:
  // Called by all threads of the CTA. `sums` [kDecodeThreads / 32] is scratch in shared memory.
  __device__ DecodeSchedule(const PagedDecodeAttentionParams& p, int32_t* starts, int32_t* sums)
      : p_(p), starts_(starts), chunk_tokens_(kDecodeChunkTokens) {
    while (Count(sums) > p.max_chunks && chunk_tokens_ < (1 << 30)) chunk_tokens_ *= 2;
  }

  __device__ int32_t num_items() const { return starts_[p_.rows] * p_.kv_heads; }
  __device__ bool IsPadding(int row) const { return starts_[row] == starts_[row + 1]; }

  __device__ DecodeItem Item(int32_t index) const {
    const int32_t chunk = index / p_.kv_heads;
    int32_t low = 0;  // the last row that starts at or before `chunk`: not empty
    for (int32_t high = p_.rows; high - low > 1;) {
      const int32_t middle = (low + high) / 2;
      (starts_[middle] <= chunk ? low : high) = middle;
    }
    DecodeItem item;
    item.index = index;
    item.row = low;
    item.kv_head = index - chunk * p_.kv_heads;
    item.chunk = chunk - starts_[low];
    item.num_chunks = starts_[low + 1] - starts_[low];
    item.begin = item.chunk * chunk_tokens_;
    item.end = min(item.begin + chunk_tokens_, p_.lengths[low]);
    return item;
  }

 private:
  // Fills starts_ for this chunk_tokens_ and returns the number of chunks.
  __device__ int32_t Count(int32_t* sums) {
    const int lane = threadIdx.x % 32;
    const int warp = threadIdx.x / 32;
    int32_t total = 0;
    __syncthreads();
    if (threadIdx.x == 0) starts_[0] = 0;
    for (int first = 0; first < p_.rows; first += kDecodeThreads) {
      const int row = first + threadIdx.x;
      const int32_t length = row < p_.rows ? p_.lengths[row] : 0;
      int32_t sum = length > 0 ? (length - 1) / chunk_tokens_ + 1 : 0;
      for (int step = 1; step < 32; step *= 2) {
        const int32_t below = __shfl_up_sync(0xFFFFFFFF, sum, step);
        if (lane >= step) sum += below;
      }
      if (lane == 31) sums[warp] = sum;
      __syncthreads();
      int32_t before = total;
      for (int i = 0; i < kDecodeThreads / 32; ++i) {
        if (i < warp) before += sums[i];
        total += sums[i];
      }
      if (row < p_.rows) starts_[row + 1] = before + sum;
      __syncthreads();
    }
    return total;
  }

  const PagedDecodeAttentionParams& p_;
  int32_t* starts_;
  int32_t chunk_tokens_;
};

// Joins items, or sections, `step` items apart. The result goes to `out` [group, head_dim] if the
// row is done, else to the section's place at `first`. Written by other CTAs, so read past the
// first level of cache, which is not coherent.
template <typename T, int kHeadDim>
__device__ void JoinItems(const DecodeWorkspace& w, const float2* stats, int group, int64_t first,
                          int64_t step, int count, T* out) {
  for (int at = threadIdx.x; at < group * (kHeadDim / 4); at += kDecodeThreads) {
    const int head = at / (kHeadDim / 4);
    float max = -INFINITY;
    float sum = 0;
    float4 numerator = make_float4(0, 0, 0, 0);
    for (int base = 0; base < count; base += kSectionChunks) {
      float2 parts[kSectionChunks];
      float4 values[kSectionChunks];
#pragma unroll
      for (int i = 0; i < kSectionChunks; ++i) {
        const int64_t item = (first + (base + i) * step) * group + head;
        const bool valid = base + i < count;
        parts[i] = valid ? __ldcg(stats + item) : make_float2(-INFINITY, 0);
        values[i] = valid ? __ldcg(reinterpret_cast<const float4*>(w.numerators + item * kHeadDim) +
                                   at % (kHeadDim / 4))
                          : make_float4(0, 0, 0, 0);
      }
      const float before = max;
#pragma unroll
      for (int i = 0; i < kSectionChunks; ++i) max = fmaxf(max, parts[i].x);
      const float kept = ScoreExp<T>(before - max);
      sum *= kept;
      numerator = Scaled(numerator, kept);
#pragma unroll
      for (int i = 0; i < kSectionChunks; ++i) {
        const float weight = ScoreExp<T>(parts[i].x - max);
        sum = fmaf(parts[i].y, weight, sum);
        numerator = AddScaled(numerator, values[i], weight);
      }
    }
    if (out != nullptr) {
      StoreOutput(out + at * 4, Scaled(numerator, 1.0f / sum));
    } else {
      float* values = w.numerators + first * group * kHeadDim + at * 4;
      *reinterpret_cast<float4*>(values) = numerator;
      if (at % (kHeadDim / 4) == 0) w.section_stats[first * group + head] = make_float2(max, sum);
    }
  }
}

// True, for all threads of the CTA, where it is the last of `expected` to come; then it sees what
// the others wrote before they came, and the count is zero again.
__device__ inline bool ArrivesLast(int32_t* arrived, int expected, int32_t* shared) {
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    const bool last = atomicAdd(arrived, 1) == expected - 1;
    if (last) *arrived = 0;
    *shared = last ? 1 : 0;
  }
  __syncthreads();
  const bool last = *shared != 0;
  if (last) __threadfence();
  return last;
}

// Called by all threads of the CTA that wrote the item's numerator and stats, of a row of more than
// one chunk. `shared` is scratch.
template <typename T, int kHeadDim>
__device__ void FinishItem(const PagedDecodeAttentionParams& p, const DecodeWorkspace& w,
                           const DecodeItem& item, int32_t* shared) {
  const int group = p.heads / p.kv_heads;
  const int32_t row_first = item.index - item.chunk * p.kv_heads;
  const int32_t section = item.chunk / kSectionChunks;
  const int32_t section_first = row_first + section * kSectionChunks * p.kv_heads;
  const int32_t sections = (item.num_chunks - 1) / kSectionChunks + 1;
  const int chunks = min(kSectionChunks, item.num_chunks - section * kSectionChunks);
  T* out = static_cast<T*>(p.out) +
           (static_cast<int64_t>(item.row) * p.heads + item.kv_head * group) * kHeadDim;
  if (!ArrivesLast(w.arrived + section_first, chunks, shared)) return;
  JoinItems<T, kHeadDim>(w, w.item_stats, group, section_first, p.kv_heads, chunks,
                         sections == 1 ? out : nullptr);
  if (sections == 1) return;
  if (!ArrivesLast(w.arrived + row_first + p.kv_heads, sections, shared)) return;
  JoinItems<T, kHeadDim>(w, w.section_stats, group, row_first, kSectionChunks * p.kv_heads,
                         sections, out);
}

// Zeros to the padding rows.
template <typename T, int kHeadDim>
__device__ void ClearPadding(const PagedDecodeAttentionParams& p, const DecodeSchedule& schedule) {
  for (int row = blockIdx.x; row < p.rows; row += gridDim.x) {
    if (!schedule.IsPadding(row)) continue;
    T* out = static_cast<T*>(p.out) + static_cast<int64_t>(row) * p.heads * kHeadDim;
    for (int at = threadIdx.x * 4; at < p.heads * kHeadDim; at += kDecodeThreads * 4) {
      StoreOutput(out + at, make_float4(0, 0, 0, 0));
    }
  }
}

}  // namespace glyph::vlm::kernels
