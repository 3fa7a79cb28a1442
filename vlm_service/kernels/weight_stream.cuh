#pragma once
#include <cuda_bf16.h>

#include <cstdint>

#include "vlm_service/kernels/skinny_linear.h"
#include "vlm_service/kernels/streaming.cuh"

// How kernels of linear maps walk over the weight. Its rows are shared out evenly, to the row,
// between groups of kSplits blocks. A group walks over its rows in passes of at most 16 kTiles. In
// a pass the warps of a group share the summed index, in turns of 64 values. Every thread copies
// the 16-byte pieces that it will multiply into a ring of its own, several steps ahead and over the
// ends of passes, so nothing but the sums needs a barrier.
namespace glyph::vlm::kernels {

inline constexpr int kWarps = 8;  // of a block
inline constexpr int kThreads = kWarps * 32;
inline constexpr int kPieceBytes = kThreads * 16;  // one piece of each thread
inline constexpr int kStepValues = 32;             // of the summed index, per warp and step
inline constexpr int kTurnValues = 64;             // 128 bytes of a row, in two steps

// The outputs of a group, [begin, begin + count), in passes; at least one where there are as many
// outputs as groups.
template <int kSplits>
struct Share {
  int64_t begin;
  int count;
  int passes;

  __device__ Share(int64_t outputs, int pass_outputs) {
    const unsigned group = blockIdx.x / kSplits;
    const unsigned groups = gridDim.x / kSplits;
    begin = outputs * group / groups;
    count = static_cast<int>(outputs * (group + 1) / groups - begin);
    passes = (count + pass_outputs - 1) / pass_outputs;
  }
  // Where a pass begins, counted from `begin`; pass `passes` begins at the end.
  __device__ int PassBegin(int pass) const { return count * pass / passes; }
};

// The steps of a pass, the same for all warps.
template <int kSplits>
__device__ inline int StepsOf(int64_t in_features) {
  const int turns = static_cast<int>((in_features + kTurnValues - 1) / kTurnValues);
  return (turns + kWarps * kSplits - 1) / (kWarps * kSplits) * 2;
}

// The first of the 8 values of the summed index that this thread handles in a step of a pass.
template <int kSplits>
__device__ inline int FirstValue(int step) {
  const int warp = static_cast<int>(blockIdx.x % kSplits * kWarps + threadIdx.x / 32);
  return ((step >> 1) * kSplits * kWarps + warp) * kTurnValues + (step & 1) * kStepValues +
         static_cast<int>(threadIdx.x % 4 * 8);
}

// Copies the weight, step by step: in a piece, lane l copies of row l / 4 of a group of 8 rows.
// Where gated, the second half of the pieces are of the rows half the weight further.
template <int kTiles, int kSplits, bool kGated>
class WeightReader {
 public:
  static constexpr int kPieces = 2 * kTiles;  // per thread and step: one per 8 rows
  static constexpr int kPassOutputs = kGated ? 8 * kTiles : 16 * kTiles;

  __device__ WeightReader(const SkinnyLinearParams& p, const Share<kSplits>& share)
      : share_(share),
        weight_(static_cast<const __nv_bfloat16*>(p.weight)),
        in_features_(p.in_features),
        half_(p.out_features / 2 * p.in_features),
        steps_(StepsOf<kSplits>(p.in_features)) {
    StartPass();
  }

  // Copies the pieces of one step, if there is one left, and moves on.
  __device__ void Copy(uint32_t target, uint64_t policy) {
    if (pass_ == share_.passes) return;
    const int value = FirstValue<kSplits>(step_);
    const bool inside = value < in_features_;
#pragma unroll
    for (int piece = 0; piece < kPieces; ++piece) {
      const int eighth = kGated ? piece % kTiles : piece;
      const bool copy = inside && eighth * 8 < left_;
      const int64_t offset = eighth * 8 * in_features_ + value + (piece != eighth ? half_ : 0);
      CopyAsync(target + piece * kPieceBytes, source_ + (copy ? offset : 0), copy, policy);
    }
    if (++step_ < steps_) return;
    step_ = 0;
    if (++pass_ < share_.passes) StartPass();
  }

 private:
  __device__ void StartPass() {
    const int group_row = threadIdx.x % 32 / 4;
    const int begin = share_.PassBegin(pass_);
    left_ = share_.PassBegin(pass_ + 1) - begin - group_row;
    source_ = weight_ + (left_ > 0 ? (share_.begin + begin + group_row) * in_features_ : 0);
  }

  const Share<kSplits>& share_;
  const __nv_bfloat16* weight_;
  int64_t in_features_;
  int64_t half_;  // values before the second half of the weight
  int steps_;
  int pass_ = 0;
  int step_ = 0;
  const __nv_bfloat16* source_;  // this lane's first row of the pass
  int left_;                     // rows of the pass from there on
};

// Copies x, step by step; the same in every pass. kTiles: tiles of 8 rows.
template <int kTiles, int kSplits>
class InputReader {
 public:
  __device__ InputReader(const SkinnyLinearParams& p, int passes)
      : stride_(p.x_stride),
        in_features_(p.in_features),
        steps_(StepsOf<kSplits>(p.in_features)),
        left_(passes * steps_) {
    const int tile_row = threadIdx.x % 32 / 4;
    rows_ = static_cast<int>(p.rows) - tile_row;
    source_ = static_cast<const __nv_bfloat16*>(p.x) + (rows_ > 0 ? tile_row * stride_ : 0);
  }

  __device__ void Copy(uint32_t target) {
    if (left_ == 0) return;
    --left_;
    const int value = FirstValue<kSplits>(step_);
    const bool inside = value < in_features_;
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      const bool copy = inside && tile * 8 < rows_;
      CopyAsync(target + tile * kPieceBytes, source_ + (copy ? tile * 8 * stride_ + value : 0),
                copy);
    }
    if (++step_ == steps_) step_ = 0;
  }

 private:
  int64_t stride_;
  int64_t in_features_;
  int steps_;
  int left_;  // steps of all passes
  int rows_;  // of x from this lane's first on
  int step_ = 0;
  const __nv_bfloat16* source_;  // this lane's first row
};

}  // namespace glyph::vlm::kernels
