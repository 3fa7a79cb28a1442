#pragma once
#include "ATen/core/Tensor.h"

namespace glyph::vlm::ops {

// y = x W^T + b. Both of the model's type; a view of mapped weights is never written.
struct LinearWeights {
  at::Tensor weight;  // [out, in], dense
  at::Tensor bias;    // [out], or undefined
};

// Whose rows an operation gets. It decides the kernel and with it what a row's result may depend
// on.
enum class Rows {
  kOneSequence,    // rows of one prompt or page: may be the library's GEMM, its sums are its affair
  kManySequences,  // one row a sequence: its result does not depend on the other rows
};

// out = x W^T + b, rounded once to the model's type. x [rows, in], rows dense; out [rows, out].
void Linear(at::Tensor& out, const at::Tensor& x, const LinearWeights& weights, Rows rows);

}  // namespace glyph::vlm::ops
