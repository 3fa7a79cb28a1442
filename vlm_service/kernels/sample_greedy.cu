#include <algorithm>
#include <cstddef>

#include "vlm_service/kernels/sampling_launch.h"
#include "vlm_service/kernels/sampling_row.cuh"

// Several CTAs read a row once; the last of them to finish puts their parts together.
namespace glyph::vlm::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kTargetCtas = 1024;
constexpr int32_t kMinSlice = kThreads * 4;
constexpr int32_t kMaxSlice = 65536;

// What a part of a row comes to.
struct Part {
  uint64_t largest;  // Largest::Packed of the adjusted logits; 0 before the first
  ExpSum raw;        // of the raw logits, when the log-probability is wanted

  __device__ static Part Empty() { return {0, ExpSum::Empty()}; }

  __device__ void Merge(const Part& other) {
    largest = max(largest, other.largest);
    raw.Merge(other.raw);
  }
};

struct Workspace {
  uint32_t tickets[kMaxSampledRows];  // CTAs of a row that have finished; 0 between launches
  Part parts[1];                      // [rows, slices]
};

int32_t NumSlices(int32_t rows, int32_t vocab) {
  const int32_t at_least = (vocab + kMaxSlice - 1) / kMaxSlice;
  const int32_t at_most = (vocab + kMinSlice - 1) / kMinSlice;
  return std::clamp(kTargetCtas / rows, at_least, at_most);
}

// The parts of all threads put together, in thread 0.
__device__ Part Combined(Part part, bool wants_logprob) {
  __shared__ Part of_warps[kWarps];
  const auto merge_lanes = [&](int width) {
    for (int offset = width / 2; offset > 0; offset /= 2) {
      Part other = Part::Empty();
      other.largest = __shfl_xor_sync(kFullWarp, part.largest, offset);
      if (wants_logprob) {
        other.raw.largest = __shfl_xor_sync(kFullWarp, part.raw.largest, offset);
        other.raw.total = __shfl_xor_sync(kFullWarp, part.raw.total, offset);
      }
      part.Merge(other);
    }
  };
  merge_lanes(32);
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = part;
  __syncthreads();
  if (threadIdx.x < 32) {
    part = of_warps[threadIdx.x % kWarps];
    merge_lanes(kWarps);
  }
  return part;
}

template <typename T>
__device__ Part ReadSlice(const SampleParams& params, const T* logits, int32_t slot,
                          const SamplerState& state, int32_t begin, int32_t end, bool aligned) {
  __shared__ uint32_t touched[kMaxSlice / 32];
  Largest largest;
  Part part = Part::Empty();
  const bool adjusts = Adjusts(state);
  if (!adjusts && state.wants_logprob == 0) {
    ForEachLogit<kThreads>(logits, begin, end, aligned,
                           [&](int32_t token, float logit) { largest.Add(token, logit); });
  } else {
    const Adjustments adjustments = Adjustments::Of(params.tables, slot);
    if (adjusts) MarkTouched(params.tables, slot, state, begin, end, touched);
    ForEachLogit<kThreads>(logits, begin, end, aligned, [&](int32_t token, float logit) {
      if (state.wants_logprob != 0) part.raw.Add(logit);
      const int32_t bit = token - begin;
      if (adjusts && (touched[bit / 32] >> (bit % 32) & 1) != 0) {
        logit = AdjustedLogit(adjustments, token, logit);
      }
      largest.Add(token, logit);
    });
  }
  part.largest = largest.Packed();
  return part;
}

// Whether this CTA is the last of its row to come here; what thread 0 of the others wrote before is
// then visible.
__device__ bool IsLast(uint32_t* ticket) {
  __shared__ bool is_last;
  if (threadIdx.x == 0) {
    __threadfence();
    is_last = atomicInc(ticket, gridDim.x - 1) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  return is_last;
}

template <typename T>
__global__ __launch_bounds__(kThreads) void SampleGreedyKernel(SampleParams params, int32_t slice) {
  const int32_t row = blockIdx.y;
  const int32_t slot = params.slots[row];
  if (slot < 0) return;
  const SamplerState state = params.tables.states[slot];
  if (state.temperature != 0) return;
  auto* workspace = static_cast<Workspace*>(params.workspace);
  const T* logits = static_cast<const T*>(params.logits) + row * params.row_stride;
  const bool aligned = reinterpret_cast<uintptr_t>(logits) % 16 == 0;
  const int32_t begin = min(static_cast<int32_t>(blockIdx.x) * slice, params.tables.vocab);
  const int32_t end = min(begin + slice, params.tables.vocab);
  const bool wants_logprob = state.wants_logprob != 0;
  Part part = Combined(ReadSlice(params, logits, slot, state, begin, end, aligned), wants_logprob);
  Part* parts = workspace->parts + static_cast<int64_t>(row) * gridDim.x;
  if (threadIdx.x == 0) parts[blockIdx.x] = part;
  if (!IsLast(workspace->tickets + row)) return;

  part = Part::Empty();
  for (int32_t i = threadIdx.x; i < static_cast<int32_t>(gridDim.x); i += kThreads) {
    const uint4 bits = __ldcg(reinterpret_cast<const uint4*>(parts + i));
    Part other;
    other.largest = static_cast<uint64_t>(bits.y) << 32 | bits.x;
    other.raw = {__uint_as_float(bits.z), __uint_as_float(bits.w)};
    part.Merge(other);
  }
  part = Combined(part, wants_logprob);
  if (threadIdx.x != 0) return;
  const bool is_finite = IsFinite(part.largest);
  const int32_t token = is_finite ? TokenOf(part.largest) : 0;
  const float logprob =
      is_finite && wants_logprob ? part.raw.LogprobOf(ToFloat(logits[token])) : 0.0f;
  FinishRow(params, row, slot, is_finite, token, logprob);
}

}  // namespace

static_assert(sizeof(Part) == 16 && offsetof(Workspace, parts) % 16 == 0);

size_t SampleWorkspaceBytes(int32_t max_rows, int32_t vocab) {
  const int64_t least_slices = (vocab + kMaxSlice - 1) / kMaxSlice;
  const int64_t num_parts = std::max<int64_t>(kTargetCtas, max_rows * least_slices);
  return sizeof(Workspace) + static_cast<size_t>(num_parts) * sizeof(Part);
}

cudaError_t LaunchSampleGreedy(const SampleParams& params, cudaStream_t stream) {
  const int32_t vocab = params.tables.vocab;
  const int32_t num_slices = NumSlices(params.rows, vocab);
  const int32_t per_slice = (vocab + num_slices - 1) / num_slices;
  const int32_t slice = (per_slice + kMinSlice - 1) / kMinSlice * kMinSlice;
  const dim3 grid((vocab + slice - 1) / slice, params.rows);
  if (params.element == Element::kFloat32) {
    SampleGreedyKernel<float><<<grid, kThreads, 0, stream>>>(params, slice);
  } else {
    SampleGreedyKernel<__nv_bfloat16><<<grid, kThreads, 0, stream>>>(params, slice);
  }
  return cudaGetLastError();
}

}  // namespace glyph::vlm::kernels
