#include "vlm_service/kernels/sampling_history.h"
#include "vlm_service/kernels/sampling_row.cuh"

namespace glyph::vlm::kernels {
namespace {

constexpr int kThreads = 256;

// One more output of a token that other threads may count as well.
__device__ void CountOutput(uint16_t* count) {
  uint16_t known = *count;
  while (known != UINT16_MAX) {
    const uint16_t before = atomicCAS(count, known, static_cast<uint16_t>(known + 1));
    if (before == known) return;
    known = before;
  }
}

__global__ void ObserveTokensKernel(ObserveTokensParams params) {
  const int32_t i = blockIdx.x * kThreads + threadIdx.x;
  const SamplingTables& tables = params.tables;
  if (i == 0) tables.states[params.slot].next_index += static_cast<uint64_t>(params.num_outputs);
  if (i >= params.num_ids) return;
  const int32_t token = params.ids[i];
  if (token < 0 || token >= tables.vocab) return;
  atomicOr(SeenOf(tables, params.slot) + token / 32, 1u << (token % 32));
  if (i >= params.num_ids - params.num_outputs) {
    CountOutput(OutputCountsOf(tables, params.slot) + token);
  }
}

__global__ void CopyNextIndexKernel(SamplerState* states, int32_t from, int32_t to) {
  states[to].next_index = states[from].next_index;
}

}  // namespace

cudaError_t LaunchClearSlot(const SamplingTables& tables, int32_t slot, cudaStream_t stream) {
  const cudaError_t error =
      cudaMemsetAsync(SeenOf(tables, slot), 0, SeenWords(tables.vocab) * sizeof(uint32_t), stream);
  if (error != cudaSuccess) return error;
  return cudaMemsetAsync(OutputCountsOf(tables, slot), 0, tables.vocab * sizeof(uint16_t), stream);
}

cudaError_t LaunchForkSlot(const SamplingTables& tables, int32_t from, int32_t to,
                           cudaStream_t stream) {
  cudaError_t error =
      cudaMemcpyAsync(SeenOf(tables, to), SeenOf(tables, from),
                      SeenWords(tables.vocab) * sizeof(uint32_t), cudaMemcpyDeviceToDevice, stream);
  if (error != cudaSuccess) return error;
  error = cudaMemcpyAsync(OutputCountsOf(tables, to), OutputCountsOf(tables, from),
                          tables.vocab * sizeof(uint16_t), cudaMemcpyDeviceToDevice, stream);
  if (error != cudaSuccess) return error;
  CopyNextIndexKernel<<<1, 1, 0, stream>>>(tables.states, from, to);
  return cudaGetLastError();
}

cudaError_t LaunchObserveTokens(const ObserveTokensParams& params, cudaStream_t stream) {
  if (params.num_ids == 0) return cudaSuccess;
  if (params.num_ids < 0 || params.num_outputs < 0 || params.num_outputs > params.num_ids) {
    return cudaErrorInvalidValue;
  }
  ObserveTokensKernel<<<(params.num_ids + kThreads - 1) / kThreads, kThreads, 0, stream>>>(params);
  return cudaGetLastError();
}

}  // namespace glyph::vlm::kernels
