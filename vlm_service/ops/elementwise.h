#pragma once
#include "ATen/core/Tensor.h"

// Operations on each row by itself: never dependent on the other rows. Tensors are of the model's
// type, float32 or bfloat16, and round where Hugging Face's Glm4v rounds. Rows may be strided.
namespace glyph::vlm::ops {

// out = T(x / rms(x)) * weight. x, out [rows, width]; weight [width].
void RmsNorm(at::Tensor& out, const at::Tensor& x, const at::Tensor& weight, double eps);

// residual += T(x / rms(x)) * weight.
void AddRmsNorm(at::Tensor& residual, const at::Tensor& x, const at::Tensor& weight, double eps);

// out = (x - mean) / std * weight + bias, rounded once. x, out dense.
void LayerNorm(at::Tensor& out, const at::Tensor& x, const at::Tensor& weight,
               const at::Tensor& bias, double eps);

// out = silu(gate) * up. gate and up [rows, width] with the same row stride.
void SiluMul(at::Tensor& out, const at::Tensor& gate, const at::Tensor& up);

// x = gelu(x), the exact one (erf).
void Gelu(at::Tensor& x);

// residual += x.
void Add(at::Tensor& residual, const at::Tensor& x);

}  // namespace glyph::vlm::ops
