#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "vlm_service/kernels/element.h"
#include "vlm_service/kernels/sampling_tables.h"

// Chooses the next token of every decode row on the device, as vlm_service/sampling does on the
// host from the same logits: the same token when greedy; when drawn, the token the same random
// number falls on, save where it lies within rounding of the edge between two tokens. The choice
// does not depend on other rows, nor does it change from run to run.
namespace glyph::vlm::kernels {

inline constexpr int32_t kMaxSampledRows = 1024;

struct SampleResult {
  int32_t token;
  int32_t finite;  // 0: a logit is NaN or +Inf, or none is finite; token is 0, nothing remembered
  float logprob;   // of the token under the softmax of the raw logits, when wanted, else 0
};

struct SampleParams {
  const void* logits;  // [rows, vocab], unchanged; read 16 bytes at a time when rows allow it
  Element element;
  int64_t row_stride;     // elements; 0: all rows are the same logits (forks of one sequence)
  int32_t rows;           // at most kMaxSampledRows
  const int32_t* slots;   // [rows] on the device, each once; negative: the row is padding
  SamplingTables tables;  // history and next_index of the slots move on by the chosen token
  void* workspace;        // SampleWorkspaceBytes, zeroed before its first use, of one stream
  int32_t* last_token;    // [max_slots] the chosen token, or 0 when not finite
  SampleResult* results;  // [rows] on the device, or pinned and mapped; padding stays untouched
  // false: no slot of the rows has a temperature, which saves a launch.
  bool may_draw = true;
};

size_t SampleWorkspaceBytes(int32_t max_rows, int32_t vocab);

cudaError_t LaunchSample(const SampleParams& params, cudaStream_t stream);

}  // namespace glyph::vlm::kernels
