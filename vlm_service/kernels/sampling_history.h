#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "vlm_service/kernels/sampling_tables.h"

// Keeps the history that penalties and random numbers depend on, as Sampler does on the host.
namespace glyph::vlm::kernels {

// Forgets the tokens of a slot. Its state and biases are the caller's to write.
cudaError_t LaunchClearSlot(const SamplingTables& tables, int32_t slot, cudaStream_t stream);

// Gives slot `to` the tokens and next_index of slot `from`; the other parameters of `to` stay.
cudaError_t LaunchForkSlot(const SamplingTables& tables, int32_t from, int32_t to,
                           cudaStream_t stream);

struct ObserveTokensParams {
  SamplingTables tables;
  int32_t slot;
  const int32_t* ids;   // [num_ids] on the device
  int32_t num_ids;      // 0 or more
  int32_t num_outputs;  // the last so many are outputs, the others of the prompt; at most num_ids
};

// Tokens of a sequence that LaunchSample did not choose. Ids outside the vocabulary take part in no
// penalty; those among the outputs still count for next_index.
cudaError_t LaunchObserveTokens(const ObserveTokensParams& params, cudaStream_t stream);

}  // namespace glyph::vlm::kernels
