#pragma once
#include <cstdint>

#include "ATen/core/Tensor.h"

namespace glyph::vlm::ops {

// y = x W^T + b, packed for the processor's kernels: see cpu::LinearParams.
struct LinearWeights {
  at::Tensor panels;  // float32 or bfloat16
  at::Tensor bias;    // [outputs] float32, or undefined
  int64_t inputs = 0;
  int64_t outputs = 0;
};

// Packs weight [outputs, inputs] and bias [outputs] or undefined for a model of `type`. Weights
// that are bfloat16 stay it in a float32 model: half the bytes, the same values.
LinearWeights PackLinear(const at::Tensor& weight, const at::Tensor& bias, at::ScalarType type);

// out = x W^T + b, rounded once to out's type. x [rows, inputs] and out [rows, outputs] of the
// model's type, rows dense. A row's result depends on no other row.
void Linear(at::Tensor& out, const at::Tensor& x, const LinearWeights& weights);

}  // namespace glyph::vlm::ops
