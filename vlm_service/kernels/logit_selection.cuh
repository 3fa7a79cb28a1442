#pragma once
#include <cstdint>

#include "vlm_service/kernels/cta_team.cuh"
#include "vlm_service/kernels/sampling_row.cuh"

// Selection in a row of logits that a team of CTAs shares, without sorting. Probabilities are whole
// numbers, so that sums are exact and do not depend on their order.
//
// A `Slice` is the part of the row that one CTA holds: size(), token(i), At(i) its scaled logits
// and `largest`, the largest of the row. Slices follow each other by rank.
namespace glyph::vlm::kernels {

inline constexpr int kSelectThreads = 512;
inline constexpr int kSelectWarps = kSelectThreads / 32;
inline constexpr int kBins = 2048;
inline constexpr float kBinsPerUnit = 64;

// exp(difference) in units of 2^-44, so that a row sums to less than 2^63. `difference` <= 0.
// Likely tokens in double; for the others the exponent is split in double and the rest in float.
__device__ inline uint64_t WeightOf(double difference) {
  constexpr int kUnitBits = 44;
  if (!(difference >= -32)) return 0;
  if (difference > -3) return __double2ull_rn(exp(difference) * (uint64_t{1} << kUnitBits));
  const double exponent = difference * 1.4426950408889634;
  const double whole = rint(exponent);
  const float mantissa = exp2f(static_cast<float>(exponent - whole));
  const int scale = static_cast<int>(whole) + kUnitBits;  // -3 to 40
  return __float2ull_rn(mantissa * __uint_as_float(static_cast<uint32_t>(127 + scale) << 23));
}

// Bins of logits, the largest in bin 0; what lies 32 or more below it is in the last.
__device__ inline int32_t BinOf(float logit, float largest) {
  return static_cast<int32_t>(fminf((largest - logit) * kBinsPerUnit, kBins - 1));
}

// Logits at or above an edge: in a lower bin, or in the bin with at least the key.
struct Threshold {
  int32_t bin;
  uint32_t key;

  __device__ static Threshold All() { return {kBins - 1, 0}; }
  __device__ bool Passes(float logit, float largest) const {
    const int32_t of_logit = BinOf(logit, largest);
    return of_logit < bin || (of_logit == bin && OrderedKey(logit) >= key);
  }
  // The higher edge.
  __device__ Threshold Or(const Threshold& other) const {
    if (bin != other.bin) return bin < other.bin ? *this : other;
    return key > other.key ? *this : other;
  }
};

// Where a bin lies in a histogram.
struct FoundBin {
  uint32_t bin;
  uint32_t count;  // logits in it
  uint64_t above;  // measure of the bins before it
  uint64_t total;  // measure of all bins
};

// Shared memory for the functions below.
struct SelectionScratch {
  uint32_t counts[kBins];
  uint64_t masses[kBins];
  uint64_t warp_sums[kSelectWarps];
  uint64_t cta_sum;
  FoundBin found;
  int32_t located;
};

__device__ inline uint64_t WarpInclusiveSum(uint64_t value) {
  const int lane = threadIdx.x % 32;
  for (int offset = 1; offset < 32; offset *= 2) {
    const uint64_t below = __shfl_up_sync(kFullWarp, value, offset);
    if (lane >= offset) value += below;
  }
  return value;
}

// A sum over the team as one CTA sees it.
struct TeamSum {
  uint64_t before;  // of CTAs of lower rank
  uint64_t total;
};

// Logits of a slice that a warp takes, one warp's after the other's.
__device__ inline int32_t WarpPart(int32_t size) {
  return ((size + kSelectWarps - 1) / kSelectWarps + 31) / 32 * 32;
}

// Sums measure(i) over all slices; the sums of this CTA's warps stay in scratch.warp_sums. The team
// has to wait before scratch is used again.
template <int kTeam, typename Measure>
__device__ TeamSum SumOver(int32_t size, SelectionScratch& scratch, const Measure& measure) {
  using Team = CtaTeam<kTeam>;
  const int warp = threadIdx.x / 32;
  const int32_t part = WarpPart(size);
  const int32_t end = min((warp + 1) * part, size);
  uint64_t sum = 0;
  for (int32_t i = warp * part + threadIdx.x % 32; i < end; i += 32) sum += measure(i);
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(kFullWarp, sum, offset);
  if (threadIdx.x % 32 == 0) scratch.warp_sums[warp] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    uint64_t cta_sum = 0;
    for (int i = 0; i < kSelectWarps; ++i) cta_sum += scratch.warp_sums[i];
    scratch.cta_sum = cta_sum;
  }
  Team::Sync();
  TeamSum result = {0, 0};
#pragma unroll 4
  for (int rank = 0; rank < kTeam; ++rank) {
    if (rank == Team::Rank()) result.before = result.total;
    result.total += *Team::Remote(&scratch.cta_sum, rank);
  }
  return result;
}

// The first token, in order of ids, at which the running sum of measure(i) passes rank_of(total),
// which is below the total.
template <int kTeam, typename Slice, typename Measure, typename RankOf>
__device__ int32_t Locate(const Slice& slice, SelectionScratch& scratch, const Measure& measure,
                          const RankOf& rank_of) {
  using Team = CtaTeam<kTeam>;
  const TeamSum sum = SumOver<kTeam>(slice.size(), scratch, measure);
  const uint64_t wanted = rank_of(sum.total);
  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  uint64_t before = sum.before;
  for (int i = 0; i < warp; ++i) before += scratch.warp_sums[i];
  if (before <= wanted && wanted - before < scratch.warp_sums[warp]) {
    const int32_t part = WarpPart(slice.size());
    const int32_t end = min((warp + 1) * part, slice.size());
    for (int32_t first = warp * part; first < end; first += 32) {
      const uint64_t own = first + lane < end ? measure(first + lane) : 0;
      if (__any_sync(kFullWarp, own != 0) == 0) continue;
      const uint64_t through = before + WarpInclusiveSum(own);
      const uint32_t past = __ballot_sync(kFullWarp, through > wanted);
      if (past != 0) {
        const int32_t token = slice.token(first + __ffs(static_cast<int>(past)) - 1);
        if (lane < kTeam) *Team::Remote(&scratch.located, lane) = token;
        break;
      }
      before = __shfl_sync(kFullWarp, through, 31);
    }
  }
  Team::Sync();
  return scratch.located;
}

// The bin of the team's histograms in which the running measure reaches target_of(total), which is
// 1 to the total. Returns the same to all threads; scratch is free again.
template <int kTeam, bool kByMass, typename TargetOf>
__device__ FoundBin FindBin(SelectionScratch& scratch, const TargetOf& target_of) {
  using Team = CtaTeam<kTeam>;
  constexpr int kBinsPerRank = kBins / kTeam;
  constexpr int kBinsPerThread = kBins / kSelectThreads;
  Team::Sync();
  if constexpr (kTeam > 1) {  // each CTA puts the counts of its own bins together
    for (int i = threadIdx.x; i < kBinsPerRank; i += kSelectThreads) {
      const int bin = Team::Rank() * kBinsPerRank + i;
      uint32_t count = 0;
      uint64_t mass = 0;
#pragma unroll 4
      for (int rank = 0; rank < kTeam; ++rank) {
        count += *Team::Remote(&scratch.counts[bin], rank);
        if constexpr (kByMass) mass += *Team::Remote(&scratch.masses[bin], rank);
      }
      scratch.counts[bin] = count;
      if constexpr (kByMass) scratch.masses[bin] = mass;
    }
    Team::Sync();
  }
  uint32_t counts[kBinsPerThread];
  uint64_t measures[kBinsPerThread];
  uint64_t own = 0;
#pragma unroll
  for (int j = 0; j < kBinsPerThread; ++j) {
    const int bin = static_cast<int>(threadIdx.x) * kBinsPerThread + j;
    const int owner = bin / kBinsPerRank;
    counts[j] = *Team::Remote(&scratch.counts[bin], owner);
    measures[j] = kByMass ? *Team::Remote(&scratch.masses[bin], owner) : counts[j];
    own += measures[j];
  }
  const uint64_t through = WarpInclusiveSum(own);
  if (threadIdx.x % 32 == 31) scratch.warp_sums[threadIdx.x / 32] = through;
  __syncthreads();
  uint64_t above = through - own;
  uint64_t total = 0;
  for (int i = 0; i < kSelectWarps; ++i) {
    if (i < static_cast<int>(threadIdx.x / 32)) above += scratch.warp_sums[i];
    total += scratch.warp_sums[i];
  }
  const uint64_t target = target_of(total);
#pragma unroll
  for (int j = 0; j < kBinsPerThread; ++j) {
    if (above < target && target <= above + measures[j]) {
      scratch.found = {threadIdx.x * kBinsPerThread + j, counts[j], above, total};
    }
    above += measures[j];
  }
  __syncthreads();
  const FoundBin found = scratch.found;
  Team::Sync();
  return found;
}

// The logits at or above an edge.
struct Selection {
  Threshold threshold;
  uint64_t target;    // what was asked for
  uint64_t above;     // measure of logits above the last bin looked at
  uint32_t count;     // logits in that bin
  bool is_one_value;  // the logits of that bin are equal, their key is threshold.key
};

// The highest edge at or above which the logits that pass `floor` have a measure of at least
// target_of(total measure): their number, or with kByMass the sum of their weights. First by bins
// of values, then by ever finer ranges of keys within a bin.
template <int kTeam, bool kByMass, typename Slice, typename TargetOf>
__device__ Selection Select(const Slice& slice, const Threshold& floor, SelectionScratch& scratch,
                            const TargetOf& target_of) {
  Selection selection = {};
  uint32_t lowest = 0;  // of the keys in question
  uint32_t highest = 0;
  int shift = 0;
  for (bool is_first = true;; is_first = false) {
    for (int i = threadIdx.x; i < kBins; i += kSelectThreads) {
      scratch.counts[i] = 0;
      if constexpr (kByMass) scratch.masses[i] = 0;
    }
    __syncthreads();
    for (int32_t i = threadIdx.x; i < slice.size(); i += kSelectThreads) {
      const float logit = slice.At(i);
      int32_t bin = BinOf(logit, slice.largest);
      if (!floor.Passes(logit, slice.largest)) continue;
      if (!is_first) {
        const uint32_t key = OrderedKey(logit);
        if (bin != selection.threshold.bin || key < lowest || key > highest) continue;
        bin = static_cast<int32_t>((highest - key) >> shift);
      }
      atomicAdd(&scratch.counts[bin], 1u);
      if constexpr (kByMass) {
        const uint64_t weight = WeightOf(static_cast<double>(logit) - slice.largest);
        if (weight != 0) {
          atomicAdd(reinterpret_cast<unsigned long long*>(&scratch.masses[bin]), weight);
        }
      }
    }
    const FoundBin found = FindBin<kTeam, kByMass>(scratch, [&](uint64_t total) {
      if (is_first) selection.target = target_of(total);
      return selection.target - selection.above;
    });
    const uint64_t remaining = selection.target - selection.above - found.above;
    selection.above += found.above;
    selection.count = found.count;
    if (is_first) {
      selection.threshold = {static_cast<int32_t>(found.bin), 0};
      // At least the keys of the bin, whose edges were rounded in float.
      const double top = found.bin / kBinsPerUnit * (1 - 0x1p-23);
      const double bottom = (found.bin + 1) / kBinsPerUnit;
      highest = min(OrderedKey(slice.largest), OrderedKey(__double2float_ru(slice.largest - top)));
      lowest = found.bin == kBins - 1 ? 0 : OrderedKey(__double2float_rd(slice.largest - bottom));
    } else {
      highest -= found.bin << shift;
      if ((highest - lowest) >> shift != 0) lowest = highest - ((1u << shift) - 1);
      selection.threshold.key = lowest;
    }
    if (lowest == highest) {
      selection.threshold.key = lowest;
      selection.is_one_value = true;
      return selection;
    }
    if (found.count == 1 || (!kByMass && remaining == found.count)) return selection;
    shift = max(0, 32 - __clz(static_cast<int>(highest - lowest)) - 11);
  }
}

}  // namespace glyph::vlm::kernels
