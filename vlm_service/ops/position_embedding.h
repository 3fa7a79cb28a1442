#pragma once
#include "ATen/core/Tensor.h"

namespace glyph::vlm::ops {

// Adds the learned position table, resampled to a page, to x. x [patches, width]; table [side *
// side, width] of the model's type; rows and columns [patches] integers, each patch's place on the
// page's grid of grid_rows x grid_cols patches. Bicubic, align_corners false, border padding,
// float32 until the resampled value is rounded to the model's type.
void AddPositionEmbedding(at::Tensor& x, const at::Tensor& table, const at::Tensor& rows,
                          const at::Tensor& columns, int64_t grid_rows, int64_t grid_cols);

}  // namespace glyph::vlm::ops
