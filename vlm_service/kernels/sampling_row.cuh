#pragma once
#include <cuda_bf16.h>

#include <cstdint>

#include "vlm_service/kernels/sample.h"

// What both sampling kernels do with a row of logits.
namespace glyph::vlm::kernels {

inline constexpr float kInfinity = __builtin_inff();
inline constexpr uint32_t kFullWarp = 0xFFFFFFFF;

__host__ __device__ inline uint32_t* SeenOf(const SamplingTables& tables, int32_t slot) {
  return tables.seen + static_cast<int64_t>(slot) * ((tables.vocab + 31) / 32);  // SeenWords
}

__host__ __device__ inline uint16_t* OutputCountsOf(const SamplingTables& tables, int32_t slot) {
  return tables.output_counts + static_cast<int64_t>(slot) * tables.vocab;
}

__device__ inline float ToFloat(float value) { return value; }
__device__ inline float ToFloat(__nv_bfloat16 value) { return __bfloat162float(value); }

// Rises with the value; both zeros are one.
__device__ inline uint32_t OrderedKey(float value) {
  const uint32_t bits = __float_as_uint(__fadd_rn(value, 0.0f));
  return bits ^ ((bits >> 31) != 0 ? 0xFFFFFFFFu : 0x80000000u);
}

__device__ inline float ValueOfKey(uint32_t key) {
  return __uint_as_float(key ^ ((key >> 31) != 0 ? 0x80000000u : 0xFFFFFFFFu));
}

// The largest logit seen and its first token, as a number whose maximum over all parts of a row is
// that of the row. A logit that is NaN or +Inf beats all.
struct Largest {
  float value = -kInfinity;
  int32_t token = 0;
  bool is_bad = false;

  // Tokens come in rising order.
  __device__ void Add(int32_t candidate, float logit) {
    is_bad |= !(logit < kInfinity);
    if (logit > value) {
      value = logit;
      token = candidate;
    }
  }

  __device__ uint64_t Packed() const {
    if (is_bad) return UINT64_MAX;
    return static_cast<uint64_t>(OrderedKey(value)) << 32 | ~static_cast<uint32_t>(token);
  }
};

__device__ inline int32_t TokenOf(uint64_t packed) {
  return static_cast<int32_t>(~static_cast<uint32_t>(packed));
}
__device__ inline float ValueOf(uint64_t packed) {
  return ValueOfKey(static_cast<uint32_t>(packed >> 32));
}
// Whether all logits of a row are below +Inf and one is above -Inf. NaN's stand-in is NaN.
__device__ inline bool IsFinite(uint64_t packed) { return isfinite(ValueOf(packed)); }

// sum of exp(logit - largest), -Inf left out. Not meaningful with NaN or +Inf.
struct ExpSum {
  float largest;  // -Inf before the first
  float total;

  __device__ static ExpSum Empty() { return {-kInfinity, 0}; }

  __device__ void Add(float logit) {
    if (logit > largest) {
      total = total * expf(largest - logit) + 1;
      largest = logit;
    } else if (logit > -kInfinity) {
      total += expf(logit - largest);
    }
  }

  __device__ void Merge(const ExpSum& other) {
    if (!(other.total > 0)) return;
    const float above = fmaxf(largest, other.largest);
    total = total * expf(largest - above) + other.total * expf(other.largest - above);
    largest = above;
  }

  __device__ float LogprobOf(float logit) const {
    return static_cast<float>(static_cast<double>(logit) - largest -
                              log(static_cast<double>(total)));
  }
};

__device__ inline bool Penalizes(const SamplerState& state) {
  return state.repetition_penalty != 1 || state.frequency_penalty != 0 ||
         state.presence_penalty != 0;
}

__device__ inline bool Adjusts(const SamplerState& state) {
  return state.num_biases > 0 || Penalizes(state);
}

// Index of the first bias at or above `token`.
__device__ inline int32_t FirstBiasFrom(const BiasEntry* biases, int32_t count, int32_t token) {
  int32_t first = 0;
  while (count > 0) {
    const int32_t half = count / 2;
    if (biases[first + half].token < token) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first;
}

// Sets a bit in `touched` for every token of [begin, end) whose logit AdjustedLogit may change, and
// waits for the CTA. `begin` is a multiple of 32.
__device__ inline void MarkTouched(const SamplingTables& tables, int32_t slot,
                                   const SamplerState& state, int32_t begin, int32_t end,
                                   uint32_t* touched) {
  const int32_t num_words = (end - begin + 31) / 32;
  const uint32_t* seen = SeenOf(tables, slot) + begin / 32;
  const bool penalizes = Penalizes(state);
  for (int32_t i = threadIdx.x; i < num_words; i += blockDim.x) {
    touched[i] = penalizes ? seen[i] : 0;
  }
  __syncthreads();
  const BiasEntry* biases = tables.biases + static_cast<int64_t>(slot) * kMaxLogitBiases;
  const int32_t first = FirstBiasFrom(biases, state.num_biases, begin);
  for (int32_t i = first + threadIdx.x; i < state.num_biases && biases[i].token < end;
       i += blockDim.x) {
    const int32_t bit = biases[i].token - begin;
    atomicOr(touched + bit / 32, 1u << (bit % 32));
  }
  __syncthreads();
}

__device__ inline float ToFinite(float logit) {
  constexpr float kMax = 3.402823466e38f;
  return fminf(fmaxf(logit, -kMax), kMax);
}

// What changes the logits of a sequence.
struct Adjustments {
  const BiasEntry* biases;
  const uint32_t* seen;
  const uint16_t* output_counts;
  const SamplerState* state;

  __device__ static Adjustments Of(const SamplingTables& tables, int32_t slot) {
    return {tables.biases + static_cast<int64_t>(slot) * kMaxLogitBiases, SeenOf(tables, slot),
            OutputCountsOf(tables, slot), tables.states + slot};
  }
};

// AdjustLogits of the host, for one token; rounds where it does. Not inlined: few tokens come here
// of the many places that may call it.
__device__ __noinline__ inline float AdjustedLogit(Adjustments adjustments, int32_t token,
                                                   float logit) {
  const SamplerState& state = *adjustments.state;
  if (!isfinite(logit)) return logit;
  if (state.num_biases > 0) {
    const int32_t i = FirstBiasFrom(adjustments.biases, state.num_biases, token);
    if (i < state.num_biases && adjustments.biases[i].token == token) {
      logit = ToFinite(__fadd_rn(logit, adjustments.biases[i].bias));
    }
  }
  if (!Penalizes(state) || (adjustments.seen[token / 32] >> (token % 32) & 1) == 0) return logit;
  logit = logit < 0 ? __fmul_rn(logit, state.repetition_penalty)
                    : __fdiv_rn(logit, state.repetition_penalty);
  const auto count = static_cast<float>(adjustments.output_counts[token]);
  if (count > 0) {
    logit = __fsub_rn(logit,
                      __fadd_rn(__fmul_rn(count, state.frequency_penalty), state.presence_penalty));
  }
  return ToFinite(logit);
}

// Calls visit(token, logit) for the logits of [begin, end), shared out over the CTA's kThreads
// threads, each of which meets its tokens in rising order. `aligned`: logits + begin is so to 16
// bytes.
template <int kThreads, typename T, typename Visit>
__device__ inline void ForEachLogit(const T* logits, int32_t begin, int32_t end, bool aligned,
                                    Visit&& visit) {
  constexpr int kWidth = 16 / sizeof(T);
  constexpr int kStride = kThreads * kWidth;
  constexpr int kInFlight = 4;
  const int32_t vectors_end = aligned ? begin + (end - begin) / kWidth * kWidth : begin;
  for (int32_t first = begin + threadIdx.x * kWidth; first < vectors_end;
       first += kInFlight * kStride) {
    uint4 loaded[kInFlight];
#pragma unroll
    for (int j = 0; j < kInFlight; ++j) {
      if (first + j * kStride < vectors_end) {
        loaded[j] = __ldg(reinterpret_cast<const uint4*>(logits + first + j * kStride));
      }
    }
#pragma unroll
    for (int j = 0; j < kInFlight; ++j) {
      if (first + j * kStride >= vectors_end) break;
      const uint32_t words[4] = {loaded[j].x, loaded[j].y, loaded[j].z, loaded[j].w};
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        const int32_t token = first + j * kStride + k;
        if constexpr (sizeof(T) == 4) {
          visit(token, __uint_as_float(words[k]));
        } else {
          visit(token,
                __uint_as_float(k % 2 == 0 ? words[k / 2] << 16 : words[k / 2] & 0xFFFF0000));
        }
      }
    }
  }
  for (int32_t token = vectors_end + threadIdx.x; token < end; token += kThreads) {
    visit(token, ToFloat(logits[token]));
  }
}

// Writes the result of a row and remembers the token; one thread calls it. `logprob` is of the
// token, if the row is finite.
__device__ inline void FinishRow(const SampleParams& params, int32_t row, int32_t slot,
                                 bool is_finite, int32_t token, float logprob) {
  if (!is_finite) {
    params.last_token[slot] = 0;
    params.results[row] = {0, 0, 0};
    return;
  }
  params.last_token[slot] = token;
  params.results[row] = {token, 1, logprob};
  ++params.tables.states[slot].next_index;
  SeenOf(params.tables, slot)[token / 32] |= 1u << (token % 32);
  uint16_t& count = OutputCountsOf(params.tables, slot)[token];
  if (count != UINT16_MAX) ++count;
}

}  // namespace glyph::vlm::kernels
