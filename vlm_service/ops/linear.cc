#include "vlm_service/ops/linear.h"

#include <algorithm>
#include <bit>
#include <type_traits>
#include <vector>

#include "ATen/ops/constant_pad_nd.h"
#include "vlm_service/ops/element_type.h"
#include "vlm_service/ops/parallel.h"

namespace glyph::vlm::ops {
namespace {

// Rows of x as float32: themselves, or a copy that is valid until this thread's next call.
struct FloatRows {
  const float* data;
  int64_t stride;
};
FloatRows AsFloat(const float* x, int64_t stride, int64_t /*rows*/, int64_t /*width*/) {
  return {x, stride};
}
FloatRows AsFloat(const cpu::Bf16* x, int64_t stride, int64_t rows, int64_t width) {
  thread_local std::vector<float> copy;
  copy.resize(std::max(copy.size(), static_cast<size_t>(rows * width)));
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < width; ++i) {
      const uint32_t bits = x[row * stride + i].bits;
      copy[row * width + i] = std::bit_cast<float>(bits << 16);
    }
  }
  return {copy.data(), width};
}

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <typename W, typename T>
void RunPanels(const cpu::LinearParams<W, T>& params, int64_t begin, int64_t end) {
  if constexpr (std::is_same_v<W, float>) {
    cpu::KernelsOf<T>().linear(params, begin, end);
  } else {
    cpu::KernelsOf<T>().linear_bf16(params, begin, end);
  }
}

// All but x of `params` is set. Shares out whole tiles of the kernel: of rows where they are many,
// else of panels.
template <typename W, typename T>
void RunLinear(cpu::LinearParams<W, T> params, const T* x, int64_t x_stride) {
  constexpr int64_t kManyRows = 64;
  constexpr int64_t kRowTile = 8;
  const int64_t panels = CeilDiv(params.outputs, cpu::kPanelOutputs);
  if (params.rows >= kManyRows) {
    const int64_t cost = kRowTile * params.inputs * params.outputs;
    ParallelFor(
        0, CeilDiv(params.rows, kRowTile), GrainSize(cost), [&](int64_t begin, int64_t end) {
          const int64_t first = begin * kRowTile;
          cpu::LinearParams<W, T> part = params;
          part.rows = std::min(end * kRowTile, params.rows) - first;
          part.out += first * params.out_stride;
          const FloatRows rows = AsFloat(x + first * x_stride, x_stride, part.rows, params.inputs);
          part.x = rows.data;
          part.x_stride = rows.stride;
          RunPanels(part, 0, panels);
        });
    return;
  }
  const FloatRows rows = AsFloat(x, x_stride, params.rows, params.inputs);
  params.x = rows.data;
  params.x_stride = rows.stride;
  const int64_t tile = params.rows < kRowTile ? 4 : 3;
  const int64_t cost = params.rows * params.inputs * tile * cpu::kPanelOutputs;
  ParallelFor(0, CeilDiv(panels, tile), GrainSize(cost), [&](int64_t begin, int64_t end) {
    RunPanels(params, begin * tile, std::min(end * tile, panels));
  });
}

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
  DispatchElement(weights.panels, [&](auto weight) {
    DispatchElement(out, [&](auto element) {
      using W = decltype(weight);
      using T = decltype(element);
      const cpu::LinearParams<W, T> params = {
          .x = nullptr,
          .x_stride = 0,
          .panels = Data<const W>(weights.panels),
          .bias = Data<const float>(weights.bias),
          .out = Data<T>(out),
          .out_stride = out.stride(0),
          .rows = x.size(0),
          .inputs = weights.inputs,
          .outputs = weights.outputs,
      };
      RunLinear(params, Data<const T>(x), x.stride(0));
    });
  });
}

}  // namespace glyph::vlm::ops
