#include "vlm_service/ops/elementwise.h"

#include "ATen/ops/gelu.h"
#include "vlm_service/ops/element_type.h"
#include "vlm_service/ops/parallel.h"

namespace glyph::vlm::ops {
namespace {

// Relative cost of an element: a root, an exponential.
constexpr int64_t kNormCost = 4;
constexpr int64_t kSiluCost = 16;

template <typename X, typename T>
void RmsNormOf(void (*kernel)(const cpu::RmsNormParams<X, T>&, int64_t, int64_t), at::Tensor& out,
               const at::Tensor& x, const at::Tensor& weight, double eps) {
  const cpu::RmsNormParams<X, T> params = {
      .x = Data<const X>(x),
      .x_stride = x.stride(0),
      .weight = Data<const T>(weight),
      .out = Data<T>(out),
      .out_stride = out.stride(0),
      .width = x.size(1),
      .eps = static_cast<float>(eps),
  };
  ParallelFor(0, x.size(0), GrainSize(kNormCost * params.width),
              [&](int64_t begin, int64_t end) { kernel(params, begin, end); });
}

}  // namespace

void RmsNorm(at::Tensor& out, const at::Tensor& x, const at::Tensor& weight, double eps) {
  DispatchElement(out, [&](auto zero) {
    const auto& kernels = cpu::KernelsOf<decltype(zero)>();
    if (x.scalar_type() == out.scalar_type()) {
      RmsNormOf(kernels.rms_norm, out, x, weight, eps);
    } else {
      TORCH_CHECK(x.scalar_type() == at::kFloat, "float32 or the model's type expected");
      RmsNormOf(kernels.rms_norm_float, out, x, weight, eps);
    }
  });
}

void AddRmsNorm(at::Tensor& residual, const at::Tensor& x, const at::Tensor& weight, double eps) {
  DispatchElement(x, [&](auto zero) {
    using T = decltype(zero);
    const cpu::AddRmsNormParams<T> params = {
        .residual = residual.data_ptr<float>(),
        .residual_stride = residual.stride(0),
        .x = Data<const T>(x),
        .x_stride = x.stride(0),
        .weight = Data<const T>(weight),
        .width = x.size(1),
        .eps = static_cast<float>(eps),
    };
    ParallelFor(0, x.size(0), GrainSize(kNormCost * params.width), [&](int64_t begin, int64_t end) {
      cpu::KernelsOf<T>().add_rms_norm(params, begin, end);
    });
  });
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
