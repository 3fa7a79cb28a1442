#pragma once
#include <cstdint>
#include <span>

#include "ATen/core/Tensor.h"

// Moves whole rows between tensors of one row width: the embedding lookup, the KV cache's append
// and the vision arena. Rows are dense; indices lie within the indexed tensor.
namespace glyph::vlm::ops {

// out[i] = source[indices[i]]. out is float32, source that or bfloat16.
void GatherRows(at::Tensor& out, const at::Tensor& source, std::span<const int32_t> indices);

// out[indices[i]] = source[i], of one type.
void ScatterRows(at::Tensor& out, std::span<const int32_t> indices, const at::Tensor& source);

}  // namespace glyph::vlm::ops
