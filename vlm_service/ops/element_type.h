#pragma once
#include "ATen/core/Tensor.h"
#include "vlm_service/ops/cpu/kernels.h"

// Bridges tensors to the typed pointers of the kernels.
namespace glyph::vlm::ops {

// Calls `function` with a float or cpu::Bf16 value, the element type of `tensor`. CHECK-fails on
// any other type.
template <typename Function>
void DispatchElement(const at::Tensor& tensor, Function function) {
  if (tensor.scalar_type() == at::kFloat) {
    function(float{});
  } else {
    TORCH_CHECK(tensor.scalar_type() == at::kBFloat16, "float32 or bfloat16 expected");
    function(cpu::Bf16{});
  }
}

template <typename T>
T* Data(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.data_ptr()) : nullptr;
}

}  // namespace glyph::vlm::ops
