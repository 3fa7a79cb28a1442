// ValuesOf of a build without CUDA.
#include "tests/reference/model/device_values.h"

namespace glyph::vlm {

std::vector<float> ValuesOf(const at::Tensor& tensor, Ops& ops) {
  ops.Synchronize();
  const at::Tensor floats = tensor.to(at::kFloat).contiguous();
  const auto* values = floats.const_data_ptr<float>();
  return {values, values + floats.numel()};
}

}  // namespace glyph::vlm
