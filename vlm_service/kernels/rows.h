#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "vlm_service/kernels/element.h"

// Moves whole rows. Indices are int32 on the device, within the indexed rows or negative: such a
// row is not moved and its target stays as it is. Strides count elements from row to row. Rows
// whose pointers, strides and width are multiples of 16 bytes are written 16 bytes at a time.
namespace glyph::vlm::kernels {

// out[i] = source[indices[i]] in float32, i < rows: the embedding of known tokens.
struct GatherRowsParams {
  Element element = Element::kBFloat16;  // of source
  const void* source = nullptr;          // [.., width]
  int64_t source_stride = 0;
  const int32_t* indices = nullptr;  // [rows]
  float* out = nullptr;              // [rows, width]
  int64_t out_stride = 0;
  int64_t rows = 0;
  int64_t width = 0;
};
cudaError_t LaunchGatherRows(const GatherRowsParams& params, cudaStream_t stream);

// out[indices[i]] = source[i], i < rows. Indices differ.
struct ScatterRowsParams {
  Element element = Element::kBFloat16;
  const void* source = nullptr;  // [rows, width]
  int64_t source_stride = 0;
  const int32_t* indices = nullptr;  // [rows]
  void* out = nullptr;               // [.., width]
  int64_t out_stride = 0;
  int64_t rows = 0;
  int64_t width = 0;
};
cudaError_t LaunchScatterRows(const ScatterRowsParams& params, cudaStream_t stream);

// out[i] = table[last_token[slots[i]]] in float32, i < rows: the embedding of tokens that the host
// has not seen yet.
struct EmbedTokensParams {
  Element element = Element::kBFloat16;  // of table
  const void* table = nullptr;           // [.., width]
  int64_t table_stride = 0;
  const int32_t* last_token = nullptr;  // of each sequence slot
  const int32_t* slots = nullptr;       // [rows]
  float* out = nullptr;                 // [rows, width]
  int64_t out_stride = 0;
  int64_t rows = 0;
  int64_t width = 0;
};
cudaError_t LaunchEmbedTokens(const EmbedTokensParams& params, cudaStream_t stream);

}  // namespace glyph::vlm::kernels
