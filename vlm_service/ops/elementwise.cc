#include "vlm_service/ops/elementwise.h"

#include "ATen/ops/gelu.h"
#include "vlm_service/ops/element_type.h"
#include "vlm_service/ops/parallel.h"

namespace glyph::vlm::ops {
namespace {

// Relative cost of an element: a root, an exponential.
constexpr int64_t kNormCost = 4;
constexpr int64_t kSiluCost = 16;

void RmsNormInto(const at::Tensor& out, const at::Tensor& x, const at::Tensor& weight, double eps,
                 bool add) {
  DispatchElement(out, [&](auto zero) {
    using T = decltype(zero);
    const cpu::RmsNormParams<T> params = {
        .x = Data<const T>(x),
        .x_stride = x.stride(0),
        .weight = Data<const T>(weight),
        .out = Data<T>(out),
        .out_stride = out.stride(0),
        .width = x.size(1),
        .eps = static_cast<float>(eps),
        .add = add,
    };
    ParallelFor(0, x.size(0), GrainSize(kNormCost * params.width), [&](int64_t begin, int64_t end) {
      cpu::KernelsOf<T>().rms_norm(params, begin, end);
    });
  });
}

}  // namespace

void RmsNorm(at::Tensor& out, const at::Tensor& x, const at::Tensor& weight, double eps) {
  RmsNormInto(out, x, weight, eps, /*add=*/false);
}

void AddRmsNorm(at::Tensor& residual, const at::Tensor& x, const at::Tensor& weight, double eps) {
  RmsNormInto(residual, x, weight, eps, /*add=*/true);
}

void LayerNorm(at::Tensor& out, const at::Tensor& x, const at::Tensor& weight,
               const at::Tensor& bias, double eps) {
  DispatchElement(out, [&](auto zero) {
    using T = decltype(zero);
    const cpu::LayerNormParams<T> params = {
        .x = Data<const T>(x),
        .weight = Data<const T>(weight),
        .bias = Data<const T>(bias),
        .out = Data<T>(out),
        .width = x.size(1),
        .eps = static_cast<float>(eps),
    };
    ParallelFor(0, x.size(0), GrainSize(kNormCost * params.width), [&](int64_t begin, int64_t end) {
      cpu::KernelsOf<T>().layer_norm(params, begin, end);
    });
  });
}

void SiluMul(at::Tensor& out, const at::Tensor& gate, const at::Tensor& up) {
  DispatchElement(out, [&](auto zero) {
    using T = decltype(zero);
    const cpu::SiluMulParams<T> params = {
        .gate = Data<const T>(gate),
        .up = Data<const T>(up),
        .in_stride = gate.stride(0),
        .out = Data<T>(out),
        .out_stride = out.stride(0),
        .width = gate.size(1),
    };
    ParallelFor(
        0, gate.size(0), GrainSize(kSiluCost * params.width),
        [&](int64_t begin, int64_t end) { cpu::KernelsOf<T>().silu_mul(params, begin, end); });
  });
}

void Gelu(at::Tensor& x) { at::gelu_out(x, x, "none"); }

void Add(at::Tensor& residual, const at::Tensor& x) { residual.add_(x); }

}  // namespace glyph::vlm::ops
