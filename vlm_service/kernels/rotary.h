#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "vlm_service/kernels/element.h"

// Rotary embeddings. An angle of frequency i < half is that of the row's position on axis[i]; its
// cosine is cos[position, i]. Where pointers, strides, head_dim and half allow it, accesses are of
// 16 bytes. All pointers are to the device.
namespace glyph::vlm::kernels {

// The text model's: rotates the adjacent pairs (2i, 2i + 1) of the first 2 * half values of every
// query head in place, and writes the rotated key and the value to row slots[r] of the caches;
// those in qkv stay as they are. Products and sums are rounded to the element's type.
struct TextRotaryParams {
  Element element = Element::kBFloat16;
  void* qkv = nullptr;  // [rows, heads + 2 * kv_heads, head_dim]
  int64_t qkv_stride = 0;
  int64_t rows = 0;
  int32_t heads = 0;
  int32_t kv_heads = 0;
  int32_t head_dim = 0;                // even
  int32_t half = 0;                    // 2 * half <= head_dim
  const int32_t* positions = nullptr;  // [3, rows], axis_stride from axis to axis
  int64_t axis_stride = 0;
  const int32_t* axis = nullptr;  // [half], each 0, 1 or 2
  const float* cos = nullptr;     // [positions, half], already rounded to the element's type
  const float* sin = nullptr;
  void* k_cache = nullptr;  // [blocks, kv_heads, block_tokens, head_dim]
  void* v_cache = nullptr;
  int32_t block_tokens = 0;
  // [rows]: block * block_tokens + token in it. A negative one marks padding: its row of qkv and
  // its positions may hold anything, and nothing is written.
  const int32_t* slots = nullptr;
};
cudaError_t LaunchTextRotary(const TextRotaryParams& params, cudaStream_t stream);

// The vision model's: rotates in place the pairs (i, i + half) of every head of queries and keys,
// in float32 until the result.
struct VisionRotaryParams {
  Element element = Element::kBFloat16;
  void* qkv = nullptr;  // [rows, 3, heads, head_dim], rows qkv_stride elements apart
  int64_t qkv_stride = 0;
  int64_t rows = 0;
  int32_t heads = 0;
  int32_t head_dim = 0;
  int32_t half = 0;                    // 2 * half <= head_dim
  const int32_t* positions = nullptr;  // [2, rows], axis_stride from axis to axis
  int64_t axis_stride = 0;
  const int32_t* axis = nullptr;  // [half], each 0 or 1
  const float* cos = nullptr;     // [positions, half]
  const float* sin = nullptr;
};
cudaError_t LaunchVisionRotary(const VisionRotaryParams& params, cudaStream_t stream);

}  // namespace glyph::vlm::kernels
