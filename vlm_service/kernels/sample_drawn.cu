#include "vlm_service/kernels/logit_selection.cuh"
#include "vlm_service/kernels/sampling_launch.h"
#include "vlm_service/kernels/sampling_row.cuh"

// A team of CTAs holds a row in shared memory, adjusted and divided by the temperature, and narrows
// it down: top_k, top_p, min_p, the draw.
namespace glyph::vlm::kernels {
namespace {

constexpr int kClusterSize = 8;

// The slice of a row that this CTA holds. A CTA that has the row alone holds no logits but computes
// them anew each time.
template <typename T, int kTeam>
struct RowSlice {
  const SampleParams& params;
  const SamplerState& state;
  const T* logits;  // of the row
  Adjustments adjustments;
  int32_t begin;
  int32_t end;
  const uint32_t* touched;  // [size()] bits, when logits are adjusted
  float* held;              // [size()], with kTeam > 1
  bool adjusts;
  float adjusted_largest;  // of the row
  float largest;           // the same, scaled
  bool overflows;  // division by the temperature does; the largest logits are all that counts

  __device__ int32_t size() const { return end - begin; }
  __device__ int32_t token(int32_t i) const { return begin + i; }

  __device__ float Adjusted(int32_t i, float logit) const {
    if (!adjusts || (touched[i / 32] >> (i % 32) & 1) == 0) return logit;
    return AdjustedLogit(adjustments, begin + i, logit);
  }

  __device__ float Scaled(float adjusted) const {
    if (overflows) return adjusted == adjusted_largest ? 0.0f : -kInfinity;
    return __fdiv_rn(adjusted, state.temperature);
  }

  __device__ float At(int32_t i) const {
    if constexpr (kTeam > 1) {
      return held[i];
    } else {
      return Scaled(Adjusted(i, ToFloat(logits[begin + i])));
    }
  }

  __device__ uint64_t WeightOfLogit(float logit) const {
    return WeightOf(static_cast<double>(logit) - largest);
  }
};

// The largest adjusted logit and what the log-probability takes.
struct RowTotals {
  uint64_t largest;  // Largest::Packed
  ExpSum raw;

  __device__ void Merge(const RowTotals& other) {
    largest = max(largest, other.largest);
    raw.Merge(other.raw);
  }
};

struct SharedState {
  SamplerState sampler;
  SelectionScratch scratch;
  RowTotals of_warps[kSelectWarps];
  RowTotals of_cta;
};

// Over all threads of the team. The team has to wait before it ends.
template <int kTeam>
__device__ RowTotals CombinedOverTeam(RowTotals totals, SharedState& shared) {
  using Team = CtaTeam<kTeam>;
  for (int offset = 16; offset > 0; offset /= 2) {
    RowTotals other;
    other.largest = __shfl_xor_sync(kFullWarp, totals.largest, offset);
    other.raw.largest = __shfl_xor_sync(kFullWarp, totals.raw.largest, offset);
    other.raw.total = __shfl_xor_sync(kFullWarp, totals.raw.total, offset);
    totals.Merge(other);
  }
  if (threadIdx.x % 32 == 0) shared.of_warps[threadIdx.x / 32] = totals;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int i = 1; i < kSelectWarps; ++i) totals.Merge(shared.of_warps[i]);
    shared.of_cta = totals;
  }
  Team::Sync();
  totals = {0, ExpSum::Empty()};
#pragma unroll 1
  for (int rank = 0; rank < kTeam; ++rank) totals.Merge(*Team::Remote(&shared.of_cta, rank));
  return totals;
}

// Reads the slice; afterwards At() may be called.
template <typename T, int kTeam>
__device__ RowTotals Read(RowSlice<T, kTeam>& slice, SharedState& shared) {
  const T* first = slice.logits + slice.begin;
  Largest largest;
  ExpSum raw = ExpSum::Empty();
  ForEachLogit<kSelectThreads>(slice.logits, slice.begin, slice.end,
                               reinterpret_cast<uintptr_t>(first) % 16 == 0,
                               [&](int32_t token, float logit) {
                                 if (slice.state.wants_logprob != 0) raw.Add(logit);
                                 const int32_t i = token - slice.begin;
                                 logit = slice.Adjusted(i, logit);
                                 largest.Add(token, logit);
                                 if constexpr (kTeam > 1) slice.held[i] = slice.Scaled(logit);
                               });
  const RowTotals totals = CombinedOverTeam<kTeam>({largest.Packed(), raw}, shared);
  slice.adjusted_largest = ValueOf(totals.largest);
  slice.largest = slice.Scaled(slice.adjusted_largest);
  slice.overflows = !isfinite(slice.largest);
  if (slice.overflows) {
    slice.largest = 0;
    if constexpr (kTeam > 1) {
      for (int32_t i = threadIdx.x; i < slice.size(); i += kSelectThreads) {
        slice.held[i] = slice.Scaled(slice.Adjusted(i, ToFloat(first[i])));
      }
    }
  }
  __syncthreads();
  return totals;
}

// What may be drawn.
struct Candidates {
  Threshold threshold;
  bool splits_ties;  // of the logits with the key only tokens from `first_tie` on
  uint32_t tie_key;
  int32_t first_tie;
  float min_probability;  // 0: all
  uint64_t mass;          // that probabilities refer to
};

template <typename Slice>
__device__ uint64_t MassOf(const Slice& slice, const Candidates& candidates, int32_t i) {
  const float logit = slice.At(i);
  if (!candidates.threshold.Passes(logit, slice.largest)) return 0;
  if (candidates.splits_ties && OrderedKey(logit) == candidates.tie_key &&
      slice.token(i) < candidates.first_tie) {
    return 0;
  }
  const uint64_t weight = slice.WeightOfLogit(logit);
  if (candidates.min_probability > 0) {
    const double probability = static_cast<double>(weight) / static_cast<double>(candidates.mass);
    if (static_cast<float>(probability) < candidates.min_probability) return 0;
  }
  return weight;
}

// The least mass that the likeliest tokens have which top_p keeps. The host keeps a token when
// float(1 - probability above it) > float(1 - top_p); `edge` is where that rounding turns.
__device__ uint64_t TopPTarget(float top_p, uint64_t total) {
  const auto removed = static_cast<float>(1.0 - static_cast<double>(top_p));
  const double edge =
      (static_cast<double>(removed) + static_cast<double>(nextafterf(removed, 2.0f))) / 2;
  const double most_above = ceil((1.0 - edge) * static_cast<double>(total)) - 1;
  if (!(most_above > 0)) return 1;
  return min(static_cast<uint64_t>(most_above) + 1, total);
}

template <int kTeam, typename Slice>
__device__ void KeepTopP(const Slice& slice, SelectionScratch& scratch, Candidates& candidates) {
  const float top_p = slice.state.top_p;
  const Selection selection =
      Select<kTeam, true>(slice, candidates.threshold, scratch,
                          [top_p](uint64_t total) { return TopPTarget(top_p, total); });
  candidates.threshold = candidates.threshold.Or(selection.threshold);
  if (!selection.is_one_value || selection.count == 1) return;
  const uint32_t key = selection.threshold.key;
  const uint64_t weight = slice.WeightOfLogit(ValueOfKey(key));
  const uint64_t num_kept = (selection.target - 1 - selection.above) / weight + 1;
  if (num_kept >= selection.count) return;
  const uint64_t num_dropped = selection.count - num_kept;  // those of the lowest ids
  const auto is_tie = [&](int32_t i) -> uint64_t { return OrderedKey(slice.At(i)) == key ? 1 : 0; };
  candidates.first_tie =
      Locate<kTeam>(slice, scratch, is_tie, [num_dropped](uint64_t) { return num_dropped; });
  candidates.tie_key = key;
  candidates.splits_ties = true;
}

template <int kTeam, typename Slice>
__device__ void KeepMinP(const Slice& slice, SelectionScratch& scratch, Candidates& candidates) {
  const TeamSum sum = SumOver<kTeam>(slice.size(), scratch,
                                     [&](int32_t i) { return MassOf(slice, candidates, i); });
  CtaTeam<kTeam>::Sync();
  candidates.mass = sum.total;
  const double likeliest = static_cast<double>(WeightOf(0)) / static_cast<double>(candidates.mass);
  candidates.min_probability = slice.state.min_p * static_cast<float>(likeliest);
}

// The first two words of Philox 4x32-10 (vlm_service/sampling/philox.h), the upper 53 bits of them.
__device__ uint64_t UniformBits(uint64_t seed, uint64_t index) {
  uint32_t counter[4] = {static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), 0, 0};
  uint32_t key[2] = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    const uint32_t next0 = static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0];
    const uint32_t next2 = static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1];
    counter[0] = next0;
    counter[1] = static_cast<uint32_t>(product1);
    counter[2] = next2;
    counter[3] = static_cast<uint32_t>(product0);
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return (static_cast<uint64_t>(counter[1]) << 32 | counter[0]) >> 11;
}

template <int kTeam, typename Slice>
__device__ int32_t Draw(const Slice& slice, SelectionScratch& scratch) {
  const SamplerState& state = slice.state;
  Candidates candidates = {};
  candidates.threshold = Threshold::All();
  if (state.top_k > 0 && state.top_k < slice.params.tables.vocab) {
    const auto top_k = static_cast<uint64_t>(state.top_k);
    candidates.threshold =
        Select<kTeam, false>(slice, candidates.threshold, scratch, [top_k](uint64_t) {
          return top_k;
        }).threshold;
  }
  if (state.top_p < 1) KeepTopP<kTeam>(slice, scratch, candidates);
  if (state.min_p > 0) KeepMinP<kTeam>(slice, scratch, candidates);
  const uint64_t bits = UniformBits(state.seed, state.next_index);
  return Locate<kTeam>(
      slice, scratch, [&](int32_t i) { return MassOf(slice, candidates, i); },
      [bits](uint64_t total) { return __umul64hi(bits, total) << 11 | (bits * total) >> 53; });
}

template <typename T, int kTeam>
__global__ __launch_bounds__(kSelectThreads,
                             kTeam == 1 ? 1 : 2) void SampleDrawnKernel(SampleParams params,
                                                                        int32_t slice_size) {
  extern __shared__ uint32_t dynamic_shared[];
  __shared__ SharedState shared;
  const int32_t row = blockIdx.y;
  const int32_t slot = params.slots[row];
  if (slot < 0) return;
  if (params.tables.states[slot].temperature == 0) return;
  if (threadIdx.x == 0) shared.sampler = params.tables.states[slot];
  __syncthreads();
  const SamplerState& state = shared.sampler;
  const int32_t vocab = params.tables.vocab;
  const int32_t begin = min(CtaTeam<kTeam>::Rank() * slice_size, vocab);
  RowSlice<T, kTeam> slice = {
      .params = params,
      .state = state,
      .logits = static_cast<const T*>(params.logits) + row * params.row_stride,
      .adjustments = Adjustments::Of(params.tables, slot),
      .begin = begin,
      .end = min(begin + slice_size, vocab),
      .touched = dynamic_shared,
      .held = reinterpret_cast<float*>(dynamic_shared + slice_size / 32),
      .adjusts = Adjusts(state)};
  if (slice.adjusts) MarkTouched(params.tables, slot, state, begin, slice.end, dynamic_shared);
  const RowTotals totals = Read(slice, shared);
  const bool is_finite = IsFinite(totals.largest);
  int32_t token = 0;
  if (is_finite) {
    token = Draw<kTeam>(slice, shared.scratch);
  } else {
    CtaTeam<kTeam>::Sync();
  }
  if (CtaTeam<kTeam>::Rank() != 0 || threadIdx.x != 0) return;
  const bool wants_logprob = is_finite && state.wants_logprob != 0;
  FinishRow(params, row, slot, is_finite, token,
            wants_logprob ? totals.raw.LogprobOf(ToFloat(slice.logits[token])) : 0.0f);
}

template <typename T, int kTeam>
cudaError_t Launch(const SampleParams& params, int32_t slice, size_t shared_bytes,
                   cudaStream_t stream) {
  const auto kernel = SampleDrawnKernel<T, kTeam>;
  const cudaError_t error = cudaFuncSetAttribute(
      kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes));
  if (error != cudaSuccess) return error;
  cudaLaunchAttribute cluster = {};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {kTeam, 1, 1};
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(kTeam, params.rows);
  config.blockDim = dim3(kSelectThreads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  config.attrs = &cluster;
  config.numAttrs = kTeam > 1 ? 1 : 0;
  return cudaLaunchKernelEx(&config, kernel, params, slice);
}

template <typename T>
cudaError_t LaunchFor(const SampleParams& params, cudaStream_t stream) {
  int device = 0;
  int has_clusters = 0;
  int most_shared = 0;
  cudaError_t error = cudaGetDevice(&device);
  if (error != cudaSuccess) return error;
  error = cudaDeviceGetAttribute(&has_clusters, cudaDevAttrClusterLaunch, device);
  if (error != cudaSuccess) return error;
  error = cudaDeviceGetAttribute(&most_shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  if (error != cudaSuccess) return error;
  const auto round_up = [](int32_t size) { return (size + 31) / 32 * 32; };
  const int32_t slice = round_up((params.tables.vocab + kClusterSize - 1) / kClusterSize);
  const size_t shared_bytes = slice / 32 * sizeof(uint32_t) + slice * sizeof(float);
  if (has_clusters != 0 && shared_bytes + sizeof(SharedState) <= static_cast<size_t>(most_shared)) {
    return Launch<T, kClusterSize>(params, slice, shared_bytes, stream);
  }
  const int32_t row = round_up(params.tables.vocab);
  return Launch<T, 1>(params, row, row / 32 * sizeof(uint32_t), stream);
}

}  // namespace

cudaError_t LaunchSampleDrawn(const SampleParams& params, cudaStream_t stream) {
  return params.element == Element::kFloat32 ? LaunchFor<float>(params, stream)
                                             : LaunchFor<__nv_bfloat16>(params, stream);
}

}  // namespace glyph::vlm::kernels
