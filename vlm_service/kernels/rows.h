#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

// Moves whole rows of any type. Indices are int32 on the device, within the indexed rows or
// negative: such a row is not moved and its target stays as it is. row_bytes and the strides, bytes
// from row to row, are even; where they and the pointers are multiples of 16, so are the accesses.
namespace glyph::vlm::kernels {

// out[i] = source[indices[i]], i < rows: the embedding of known tokens.
struct GatherRowsParams {
  const void* source = nullptr;
  int64_t source_stride_bytes = 0;
  const int32_t* indices = nullptr;  // [rows]
  void* out = nullptr;               // [rows]
  int64_t out_stride_bytes = 0;
  int64_t rows = 0;
  int64_t row_bytes = 0;
};
cudaError_t LaunchGatherRows(const GatherRowsParams& params, cudaStream_t stream);

// out[indices[i]] = source[i], i < rows. Indices differ.
struct ScatterRowsParams {
  const void* source = nullptr;  // [rows]
  int64_t source_stride_bytes = 0;
  const int32_t* indices = nullptr;  // [rows]
  void* out = nullptr;
  int64_t out_stride_bytes = 0;
  int64_t rows = 0;
  int64_t row_bytes = 0;
};
cudaError_t LaunchScatterRows(const ScatterRowsParams& params, cudaStream_t stream);

// out[i] = table[last_token[slots[i]]], i < rows: the embedding of tokens that the host has not
// seen yet.
struct EmbedTokensParams {
  const void* table = nullptr;
  int64_t table_stride_bytes = 0;
  const int32_t* last_token = nullptr;  // of each sequence slot
  const int32_t* slots = nullptr;       // [rows]
  void* out = nullptr;                  // [rows]
  int64_t out_stride_bytes = 0;
  int64_t rows = 0;
  int64_t row_bytes = 0;
};
cudaError_t LaunchEmbedTokens(const EmbedTokensParams& params, cudaStream_t stream);

}  // namespace glyph::vlm::kernels
