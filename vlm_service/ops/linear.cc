#include "vlm_service/ops/linear.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "ATen/ops/constant_pad_nd.h"
#include "vlm_service/ops/element_type.h"
#include "vlm_service/ops/parallel.h"

namespace glyph::vlm::ops {
namespace {

// x as float32: itself, or a copy that is valid until this thread's next call.
struct FloatRows {
  const float* data;
  int64_t stride;
};
FloatRows AsFloat(const at::Tensor& x) {
  if (x.scalar_type() == at::kFloat) return {Data<const float>(x), x.stride(0)};
  thread_local std::vector<float> copy;
  const int64_t width = x.size(1);
  copy.resize(std::max(copy.size(), static_cast<size_t>(x.size(0) * width)));
  for (int64_t row = 0; row < x.size(0); ++row) {
    const auto* from = Data<const c10::BFloat16>(x) + row * x.stride(0);
    std::copy_n(from, width, copy.data() + row * width);
  }
  return {copy.data(), width};
}

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

at::Tensor PackPanels(const at::Tensor& weight) {
  const int64_t panels = CeilDiv(weight.size(0), cpu::kPanelOutputs);
  const int64_t pairs = CeilDiv(weight.size(1), 2);
  const at::Tensor padded = at::constant_pad_nd(
      weight, {0, 2 * pairs - weight.size(1), 0, cpu::kPanelOutputs * panels - weight.size(0)});
  const at::Tensor split = padded.view({panels, cpu::kPanelOutputs, pairs, 2});
  const bool bf16 = weight.scalar_type() == at::kBFloat16;
  return (bf16 ? split.permute({0, 2, 1, 3}) : split.permute({0, 2, 3, 1})).contiguous();
}

}  // namespace

LinearWeights PackLinear(const at::Tensor& weight, const at::Tensor& bias, at::ScalarType type) {
  const at::ScalarType packed = weight.scalar_type() == at::kBFloat16 ? at::kBFloat16 : type;
  return {.panels = PackPanels(weight.to(packed)),
          .bias = bias.defined() ? bias.to(type).to(at::kFloat) : at::Tensor(),
          .inputs = weight.size(1),
          .outputs = weight.size(0)};
}

void Linear(at::Tensor& out, const at::Tensor& x, const LinearWeights& weights) {
  const FloatRows rows = AsFloat(x);
  DispatchElement(weights.panels, [&](auto weight) {
    DispatchElement(out, [&](auto element) {
      using W = decltype(weight);
      using T = decltype(element);
      const cpu::LinearParams<W, T> params = {
          .x = rows.data,
          .x_stride = rows.stride,
          .panels = Data<const W>(weights.panels),
          .bias = Data<const float>(weights.bias),
          .out = Data<T>(out),
          .out_stride = out.stride(0),
          .rows = x.size(0),
          .inputs = weights.inputs,
          .outputs = weights.outputs,
      };
      const cpu::Kernels<T>& kernels = cpu::KernelsOf<T>();
      const int64_t cost = params.rows * params.inputs * cpu::kPanelOutputs;
      ParallelFor(0, weights.panels.size(0), GrainSize(cost), [&](int64_t begin, int64_t end) {
        if constexpr (std::is_same_v<W, float>) {
          kernels.linear(params, begin, end);
        } else {
          kernels.linear_bf16(params, begin, end);
        }
      });
    });
  });
}

}  // namespace glyph::vlm::ops
