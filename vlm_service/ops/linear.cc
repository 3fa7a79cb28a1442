#include "vlm_service/ops/linear.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "ATen/ops/constant_pad_nd.h"
#include "vlm_service/ops/element_type.h"
#include "vlm_service/ops/parallel.h"

namespace glyph::vlm::ops {
namespace {

// Room for a kernel, valid until this thread's next call. Float32 rows are read where they lie.
template <typename T>
float* Scratch(int64_t rows, int64_t inputs) {
  if (std::is_same_v<T, float>) return nullptr;
  thread_local std::vector<float> room;
  room.resize(std::max(room.size(), static_cast<size_t>(cpu::LinearScratch(rows, inputs))));
  return room.data();
}

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <typename W, typename T>
void RunPanels(const cpu::LinearParams<W, T>& params, int64_t begin, int64_t end) {
  float* scratch = Scratch<T>(params.rows, params.inputs);
  if constexpr (std::is_same_v<W, float>) {
    cpu::KernelsOf<T>().linear(params, begin, end, scratch);
  } else {
    cpu::KernelsOf<T>().linear_bf16(params, begin, end, scratch);
  }
}

// Shares out whole tiles of the kernel: of rows where they are many, else of panels.
template <typename W, typename T>
void RunLinear(const cpu::LinearParams<W, T>& params) {
  constexpr int64_t kManyRows = 64;
  constexpr int64_t kRowTile = 8;
  const int64_t panels = CeilDiv(params.outputs, cpu::kPanelOutputs);
  if (params.rows >= kManyRows) {
    const int64_t cost = kRowTile * params.inputs * params.outputs;
    ParallelFor(0, CeilDiv(params.rows, kRowTile), GrainSize(cost),
                [&](int64_t begin, int64_t end) {
                  const int64_t first = begin * kRowTile;
                  cpu::LinearParams<W, T> part = params;
                  part.rows = std::min(end * kRowTile, params.rows) - first;
                  part.x += first * params.x_stride;
                  part.out += first * params.out_stride;
                  RunPanels(part, 0, panels);
                });
    return;
  }
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
      RunLinear<W, T>({
          .x = Data<const T>(x),
          .x_stride = x.stride(0),
          .panels = Data<const W>(weights.panels),
          .bias = Data<const float>(weights.bias),
          .out = Data<T>(out),
          .out_stride = out.stride(0),
          .rows = x.size(0),
          .inputs = weights.inputs,
          .outputs = weights.outputs,
      });
    });
  });
}

}  // namespace glyph::vlm::ops
