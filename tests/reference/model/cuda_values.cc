// ValuesOf of a build with CUDA.
#include <algorithm>

#include "tests/reference/model/device_values.h"
#include "vlm_service/ops/cuda/cuda_ops.h"

namespace glyph::vlm {

std::vector<float> ValuesOf(const at::Tensor& tensor, Ops& ops) {
  std::vector<float> values(static_cast<size_t>(tensor.numel()));
  if (auto* cuda = dynamic_cast<CudaOps*>(&ops)) {
    cuda->Read(tensor, values);
  } else {
    const at::Tensor floats = tensor.to(at::kFloat).contiguous();
    std::copy_n(floats.const_data_ptr<float>(), values.size(), values.begin());
  }
  return values;
}

}  // namespace glyph::vlm
