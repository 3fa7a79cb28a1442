#pragma once
#include "vlm_service/kernels/decode_chunks.cuh"

// Decode attention in bf16: the query heads of a KV head are the 16 rows of tensor core products,
// and every K and V is read once, by asynchronous copies that run ahead of each warp.
namespace glyph::vlm::kernels {

inline constexpr int kDecodeWarps = kDecodeThreads / 32;
inline constexpr int kGroupRows = 16;   // query heads of a KV head, padded to a product's 16 rows
inline constexpr int kStepTokens = 16;  // a warp's step; the warps of a CTA take steps in turn
inline constexpr int kRoundTokens = kStepTokens * kDecodeWarps;

// Shared memory of the bf16 kernel, before the schedule's starts.
template <int kHeadDim>
struct Bf16Shared {
  static constexpr int kStepBytes = kStepTokens * kHeadDim * 2;  // of K, then of V
  static constexpr int kStages = 8192 / kStepBytes;              // 64 KiB a CTA
  static constexpr int kPartDims = kHeadDim / 4;  // warps join a quarter of head_dim at a time
  char tiles[kDecodeWarps][kStages][2][kStepBytes];
  float numerators[kDecodeWarps][kGroupRows][kPartDims];
  float2 stats[kDecodeWarps][kGroupRows];
  int32_t sums[kDecodeWarps];
  int32_t last;
};

// One warp's way through an item: its steps are copied kStages ahead of their use.
template <int kHeadDim>
class StepCopier {
 public:
  using Shared = Bf16Shared<kHeadDim>;

  __device__ StepCopier(const PagedDecodeAttentionParams& p, const DecodeItem& item, int warp,
                        int lane)
      : p_(&p), item_(item), warp_(warp), lane_(lane) {}

  // The first token of this warp's step.
  __device__ int Token(int step) const {
    return item_.begin + step * kRoundTokens + warp_ * kStepTokens;
  }
  __device__ bool Has(int step) const { return Token(step) < item_.end; }

  // Called for steps 0, 1, ... in turn. One group of copies, empty past the item's end.
  __device__ void Copy(int step, char (&tiles)[2][Shared::kStepBytes]) {
    if (step % 32 == 0) {
      const int token = Token(step + lane_);
      blocks_ = token < item_.end
                    ? p_->tables[item_.row * p_->table_stride + token / p_->block_tokens]
                    : 0;
    }
    const int64_t block = __shfl_sync(0xFFFFFFFF, blocks_, step % 32);
    const int token = Token(step);
    if (token < item_.end) {
      constexpr int kUnits = kHeadDim / 8;
      constexpr int kRows = 32 / kUnits;  // copied at a time
      const int unit = lane_ % kUnits;
      const int64_t slot =
          (block * p_->kv_heads + item_.kv_head) * p_->block_tokens + token % p_->block_tokens;
      const int64_t offset = (slot + lane_ / kUnits) * kHeadDim + unit * 8;
      const auto* k = static_cast<const __nv_bfloat16*>(p_->k_cache) + offset;
      const auto* v = static_cast<const __nv_bfloat16*>(p_->v_cache) + offset;
      const uint32_t k_tile = SharedAddress(tiles[0]);
      const uint32_t v_tile = SharedAddress(tiles[1]);
#pragma unroll
      for (int row = 0; row < kStepTokens; row += kRows) {
        CopyAsync16(k_tile + TileOffset<kHeadDim>(row + lane_ / kUnits, unit), k + row * kHeadDim,
                    token + row + lane_ / kUnits < item_.end);
      }
#pragma unroll
      for (int row = 0; row < kStepTokens; row += kRows) {
        CopyAsync16(v_tile + TileOffset<kHeadDim>(row + lane_ / kUnits, unit), v + row * kHeadDim,
                    token + row + lane_ / kUnits < item_.end);
      }
    }
    CommitCopies();
  }

 private:
  const PagedDecodeAttentionParams* p_;
  DecodeItem item_;
  int warp_;
  int lane_;
  int32_t blocks_ = 0;  // this lane's: of step (32 i + lane)
};

// The 16 query rows of a KV head as operands of products; rows past the group are zero.
template <int kHeadDim>
__device__ void LoadQuery(const PagedDecodeAttentionParams& p, const DecodeItem& item, int group,
                          int lane, uint32_t (&query)[kHeadDim / 16][4]) {
  const auto* q = static_cast<const __nv_bfloat16*>(p.q) + item.row * p.q_row_stride +
                  static_cast<int64_t>(item.kv_head) * group * kHeadDim;
#pragma unroll
  for (int i = 0; i < kHeadDim / 16; ++i) {
#pragma unroll
    for (int part = 0; part < 4; ++part) {
      const int head = lane / 4 + (part % 2) * 8;
      const int dim = i * 16 + (part / 2) * 8 + (lane % 4) * 2;
      query[i][part] =
          head < group ? *reinterpret_cast<const uint32_t*>(q + head * kHeadDim + dim) : 0;
    }
  }
}

// What a warp has summed up of an item: rows lane / 4 and lane / 4 + 8.
template <int kHeadDim>
struct WarpSums {
  float numerator[kHeadDim / 8][4];
  float max[2];
  float sum[2];  // of this lane's columns

  __device__ void Clear() {
#pragma unroll
    for (auto& tile : numerator) tile[0] = tile[1] = tile[2] = tile[3] = 0;
    max[0] = max[1] = -INFINITY;
    sum[0] = sum[1] = 0;
  }

  // Adds 16 tokens, of which the first `valid` >= 1 count. `factor` is the scale times log2(e).
  __device__ void Add(const uint32_t (&query)[kHeadDim / 16][4],
                      const char (&tiles)[2][Bf16Shared<kHeadDim>::kStepBytes], int valid,
                      float factor, int lane) {
    float scores[2][4] = {};
    const uint32_t k_tile =
        SharedAddress(tiles[0]) + TileOffset<kHeadDim>((lane / 16) * 8 + lane % 8, (lane / 8) % 2);
#pragma unroll
    for (int i = 0; i < kHeadDim / 16; ++i) {
      uint32_t k[4];
      LoadMatrices(k, SkipUnitPairs(k_tile, i));
      MultiplyAdd(scores[0], query[i], k[0], k[1]);
      MultiplyAdd(scores[1], query[i], k[2], k[3]);
    }
    uint32_t weights[4];
    float kept[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float x[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int token = (i / 2) * 8 + (lane % 4) * 2 + i % 2;
        x[i] = token < valid ? scores[i / 2][half * 2 + i % 2] * factor : -INFINITY;
      }
      const float top = fmaxf(max[half], RowMax(fmaxf(fmaxf(x[0], x[1]), fmaxf(x[2], x[3]))));
      kept[half] = Exp2(max[half] - top);
      max[half] = top;
#pragma unroll
      for (float& score : x) score = Exp2(score - top);
      sum[half] = sum[half] * kept[half] + ((x[0] + x[1]) + (x[2] + x[3]));
      weights[half] = PackBf16(x[0], x[1]);
      weights[half + 2] = PackBf16(x[2], x[3]);
    }
    const uint32_t v_tile = SharedAddress(tiles[1]) + TileOffset<kHeadDim>(lane % 16, lane / 16);
#pragma unroll
    for (int i = 0; i < kHeadDim / 16; ++i) {
      uint32_t v[4];
      LoadMatricesTransposed(v, SkipUnitPairs(v_tile, i));
#pragma unroll
      for (int tile = 0; tile < 2; ++tile) {
        float(&c)[4] = numerator[i * 2 + tile];
        c[0] *= kept[0];
        c[1] *= kept[0];
        c[2] *= kept[1];
        c[3] *= kept[1];
        MultiplyAdd(c, weights, v[tile * 2], v[tile * 2 + 1]);
      }
    }
  }
};

// Joins the warps' sums, in the order of warps, into the item's place in the workspace, or into
// `out` where the row is this item alone.
template <int kHeadDim>
__device__ void JoinWarps(const PagedDecodeAttentionParams& p, const DecodeWorkspace& w,
                          const DecodeItem& item, int group, const WarpSums<kHeadDim>& sums,
                          Bf16Shared<kHeadDim>& shared) {
  constexpr int kPartDims = Bf16Shared<kHeadDim>::kPartDims;
  constexpr int kSwaps = kPartDims / 8 - 1;  // columns are permuted by row: fewer bank conflicts
  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  const int row = threadIdx.x / (kPartDims / 4);
  const int column = threadIdx.x % (kPartDims / 4) * 4;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float sum = RowSum(sums.sum[half]);
    if (lane % 4 == 0) shared.stats[warp][lane / 4 + half * 8] = make_float2(sums.max[half], sum);
  }
#pragma unroll
  for (int part = 0; part < 4; ++part) {
#pragma unroll
    for (int tile = 0; tile < kPartDims / 8; ++tile) {
      const float(&c)[4] = sums.numerator[part * (kPartDims / 8) + tile];
      const int at = (tile * 8) ^ ((lane / 4 & kSwaps) * 8);  // the same for row + 8
      float* to = &shared.numerators[warp][lane / 4][at + (lane % 4) * 2];
      *reinterpret_cast<float2*>(to) = make_float2(c[0], c[1]);
      *reinterpret_cast<float2*>(to + 8 * kPartDims) = make_float2(c[2], c[3]);
    }
    __syncthreads();
    if (row < group) {
      float max = -INFINITY;
      for (int i = 0; i < kDecodeWarps; ++i) max = fmaxf(max, shared.stats[i][row].x);
      float sum = 0;
      float4 numerator = make_float4(0, 0, 0, 0);
      for (int i = 0; i < kDecodeWarps; ++i) {
        const float weight = Exp2(shared.stats[i][row].x - max);
        sum = fmaf(shared.stats[i][row].y, weight, sum);
        const float* from = &shared.numerators[i][row][column ^ ((row & kSwaps) * 8)];
        numerator = AddScaled(numerator, *reinterpret_cast<const float4*>(from), weight);
      }
      const int dim = part * kPartDims + column;
      if (item.num_chunks == 1) {
        const int64_t head = static_cast<int64_t>(item.row) * p.heads + item.kv_head * group + row;
        StoreOutput(static_cast<__nv_bfloat16*>(p.out) + head * kHeadDim + dim,
                    Scaled(numerator, 1.0f / sum));
      } else {
        const int64_t head = static_cast<int64_t>(item.index) * group + row;
        *reinterpret_cast<float4*>(w.numerators + head * kHeadDim + dim) = numerator;
        if (dim == 0) w.item_stats[head] = make_float2(max, sum);
      }
    }
    __syncthreads();
  }
}

template <int kHeadDim>
__global__ __launch_bounds__(kDecodeThreads, 3) void DecodeBf16Kernel(
    const __grid_constant__ PagedDecodeAttentionParams p) {
  using Shared = Bf16Shared<kHeadDim>;
  extern __shared__ __align__(256) char memory[];
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const DecodeSchedule schedule(p, reinterpret_cast<int32_t*>(memory + sizeof(Shared)),
                                shared.sums);
  const DecodeWorkspace workspace(p);
  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  const int group = p.heads / p.kv_heads;
  ClearPadding<__nv_bfloat16, kHeadDim>(p, schedule);
  int32_t index = blockIdx.x;
  if (index >= schedule.num_items()) return;
  DecodeItem item = schedule.Item(index);
  StepCopier<kHeadDim> copier(p, item, warp, lane);
  for (int i = 0; i < Shared::kStages; ++i) copier.Copy(i, shared.tiles[warp][i]);
  while (true) {
    uint32_t query[kHeadDim / 16][4];
    LoadQuery<kHeadDim>(p, item, group, lane, query);
    WarpSums<kHeadDim> sums;
    sums.Clear();
    for (int step = 0, stage = 0; copier.Has(step); ++step) {
      WaitCopies<Shared::kStages - 1>();
      __syncwarp();
      sums.Add(query, shared.tiles[warp][stage], item.end - copier.Token(step), p.scale * kLog2E,
               lane);
      __syncwarp();
      copier.Copy(step + Shared::kStages, shared.tiles[warp][stage]);
      stage = stage + 1 == Shared::kStages ? 0 : stage + 1;
    }
    // The next item's first steps are under way while this one's sums are joined.
    const DecodeItem done = item;
    index += gridDim.x;
    const bool more = index < schedule.num_items();
    if (more) {
      item = schedule.Item(index);
      copier = StepCopier<kHeadDim>(p, item, warp, lane);
      for (int i = 0; i < Shared::kStages; ++i) copier.Copy(i, shared.tiles[warp][i]);
    }
    JoinWarps<kHeadDim>(p, workspace, done, group, sums, shared);
    if (done.num_chunks > 1) {
      FinishItem<__nv_bfloat16, kHeadDim>(p, workspace, done, &shared.last);
    }
    if (!more) return;
  }
}

}  // namespace glyph::vlm::kernels
