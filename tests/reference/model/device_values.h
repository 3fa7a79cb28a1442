#pragma once
#include <vector>

#include "ATen/core/Tensor.h"
#include "vlm_service/ops/ops.h"

namespace glyph::vlm {

// The values of a dense tensor of the operations' device, when all work is done.
std::vector<float> ValuesOf(const at::Tensor& tensor, Ops& ops);

}  // namespace glyph::vlm
