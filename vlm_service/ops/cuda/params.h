#pragma once
#include "ATen/core/Tensor.h"
#include "c10/util/Exception.h"
#include "vlm_service/kernels/element.h"

// Bridges tensors to the parameters of the kernels.
namespace glyph::vlm {

inline kernels::Element ElementOf(const at::Tensor& tensor) {
  if (tensor.scalar_type() == at::kFloat) return kernels::Element::kFloat32;
  TORCH_CHECK(tensor.scalar_type() == at::kBFloat16, "float32 or bfloat16 expected");
  return kernels::Element::kBFloat16;
}

inline const void* DataOrNull(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr() : nullptr;
}

inline const int32_t* Ints(const at::Tensor& tensor) { return tensor.const_data_ptr<int32_t>(); }

}  // namespace glyph::vlm
