#pragma once
#include "ATen/core/Tensor.h"

// Operations on each row by itself: never dependent on the other rows. Tensors are of the model's
// type, float32 or bfloat16, and round where Hugging Face's Glm4v rounds, but for the text model's
// residual: that is float32 and nothing is rounded on its way there. Rows may be strided.
namespace glyph::vlm::ops {

// out = x / rms(x) * weight. x, out [rows, width]; weight [width]. x is of out's type or float32;
// x / rms(x) is rounded to x's type, the product to out's.
void RmsNorm(at::Tensor& out, const at::Tensor& x, const at::Tensor& weight, double eps);

// residual += x / rms(x) * weight, computed in float32. residual [rows, width] float32.
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
