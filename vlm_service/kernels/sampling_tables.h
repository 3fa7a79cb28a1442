#pragma once
#include <cstdint>

// What the sampling kernels know of each sequence, by slot, in device memory.
namespace glyph::vlm::kernels {

// Most logit biases of a sequence (vlm.proto, GenerationOptions.logit_bias).
inline constexpr int32_t kMaxLogitBiases = 1024;
// Largest vocabulary the kernels take.
inline constexpr int32_t kMaxSampledVocab = 1 << 19;

// SamplingParams of one sequence, validated, and the index of its next output. The caller writes it
// when a sequence starts; kernels count `next_index` up.
struct SamplerState {
  float temperature;  // 0: greedy
  float top_p;
  float min_p;
  int32_t top_k;
  float repetition_penalty;
  float frequency_penalty;
  float presence_penalty;
  int32_t num_biases;
  uint64_t seed;
  uint64_t next_index;    // outputs so far, observed and chosen
  int32_t wants_logprob;  // 0: SampleResult::logprob stays 0
  int32_t padding;
};

// Added to the logit of one token.
struct BiasEntry {
  int32_t token;
  float bias;
};

// The tables of all slots. Those of a slot are meaningful from LaunchClearSlot or LaunchForkSlot
// on.
struct SamplingTables {
  SamplerState* states;     // [max_slots]
  BiasEntry* biases;        // [max_slots, kMaxLogitBiases], of a slot: by rising token, each once
  uint32_t* seen;           // [max_slots, SeenWords(vocab)] bit t: token t is in prompt or output
  uint16_t* output_counts;  // [max_slots, vocab] times a token was an output; stays at 65,535
  int32_t vocab;            // 1 to kMaxSampledVocab
};

// 32-bit words that hold a bit for each token.
inline constexpr int32_t SeenWords(int32_t vocab) { return (vocab + 31) / 32; }

}  // namespace glyph::vlm::kernels
