// The operations of CudaOps that move or change rows.
#include <algorithm>
#include <utility>

#include "c10/cuda/CUDAGuard.h"
#include "c10/cuda/CUDAStream.h"
#include "vlm_service/kernels/activation.h"
#include "vlm_service/kernels/layer_norm.h"
#include "vlm_service/kernels/patches.h"
#include "vlm_service/kernels/position_embedding.h"
#include "vlm_service/kernels/rms_norm.h"
#include "vlm_service/kernels/rotary.h"
#include "vlm_service/kernels/rows.h"
#include "vlm_service/ops/cuda/check.h"
#include "vlm_service/ops/cuda/cuda_ops.h"
#include "vlm_service/ops/cuda/params.h"

namespace glyph::vlm {

void CudaOps::GatherRows(at::Tensor& out, const at::Tensor& source, const at::Tensor& indices) {
  CheckCuda(kernels::LaunchGatherRows({.element = ElementOf(source),
                                       .source = source.const_data_ptr(),
                                       .source_stride = source.stride(0),
                                       .indices = Ints(indices),
                                       .out = out.data_ptr<float>(),
                                       .out_stride = out.stride(0),
                                       .rows = indices.numel(),
                                       .width = out.size(1)},
                                      stream_),
            "gather");
}

void CudaOps::ScatterRows(at::Tensor& out, const at::Tensor& indices, const at::Tensor& source) {
  CheckCuda(kernels::LaunchScatterRows({.element = ElementOf(source),
                                        .source = source.const_data_ptr(),
                                        .source_stride = source.stride(0),
                                        .indices = Ints(indices),
                                        .out = out.data_ptr(),
                                        .out_stride = out.stride(0),
                                        .rows = indices.numel(),
                                        .width = out.size(1)},
                                       stream_),
            "scatter");
}

void CudaOps::EmbedSlots(at::Tensor& out, const at::Tensor& table, const at::Tensor& tokens,
                         const at::Tensor& slots) {
  // Rows of padding stay as they are; they start finite.
  CheckCuda(cudaMemsetAsync(out.data_ptr(), 0, out.nbytes(), stream_), "embedding");
  CheckCuda(kernels::LaunchEmbedTokens({.element = ElementOf(table),
                                        .table = table.const_data_ptr(),
                                        .table_stride = table.stride(0),
                                        .last_token = Ints(tokens),
                                        .slots = Ints(slots),
                                        .out = out.data_ptr<float>(),
                                        .out_stride = out.stride(0),
                                        .rows = slots.numel(),
                                        .width = out.size(1)},
                                       stream_),
            "embedding");
}

void CudaOps::RmsNorm(at::Tensor& out, const at::Tensor& x, const at::Tensor& weight, double eps) {
  CheckCuda(kernels::LaunchRmsNorm({.element = ElementOf(out),
                                    .x_element = ElementOf(x),
                                    .x = x.const_data_ptr(),
                                    .x_stride = x.stride(0),
                                    .weight = weight.const_data_ptr(),
                                    .out = out.data_ptr(),
                                    .out_stride = out.stride(0),
                                    .rows = x.size(0),
                                    .width = x.size(1),
                                    .eps = static_cast<float>(eps)},
                                   stream_),
            "norm");
}

void CudaOps::AddRmsNorm(at::Tensor& residual, const at::Tensor& x, const at::Tensor& weight,
                         double eps) {
  CheckCuda(kernels::LaunchAddRmsNorm({.element = ElementOf(x),
                                       .residual = residual.data_ptr<float>(),
                                       .residual_stride = residual.stride(0),
                                       .x = x.const_data_ptr(),
                                       .x_stride = x.stride(0),
                                       .weight = weight.const_data_ptr(),
                                       .rows = x.size(0),
                                       .width = x.size(1),
                                       .eps = static_cast<float>(eps)},
                                      stream_),
            "norm");
}

void CudaOps::AddRmsNormThenNorm(at::Tensor& out, at::Tensor& residual, const at::Tensor& x,
                                 const at::Tensor& weight, const at::Tensor& next_weight,
                                 double eps) {
  CheckCuda(kernels::LaunchAddRmsNorm({.element = ElementOf(x),
                                       .residual = residual.data_ptr<float>(),
                                       .residual_stride = residual.stride(0),
                                       .x = x.const_data_ptr(),
                                       .x_stride = x.stride(0),
                                       .weight = weight.const_data_ptr(),
                                       .next_weight = next_weight.const_data_ptr(),
                                       .out = out.data_ptr(),
                                       .out_stride = out.stride(0),
                                       .rows = x.size(0),
                                       .width = x.size(1),
                                       .eps = static_cast<float>(eps)},
                                      stream_),
            "norm");
}

void CudaOps::LayerNorm(at::Tensor& out, const at::Tensor& x, const at::Tensor& weight,
                        const at::Tensor& bias, double eps) {
  CheckCuda(kernels::LaunchLayerNorm({.element = ElementOf(x),
                                      .x = x.const_data_ptr(),
                                      .x_stride = x.stride(0),
                                      .weight = weight.const_data_ptr(),
                                      .bias = bias.const_data_ptr(),
                                      .out = out.data_ptr(),
                                      .out_stride = out.stride(0),
                                      .rows = x.size(0),
                                      .width = x.size(1),
                                      .eps = static_cast<float>(eps)},
                                     stream_),
            "norm");
}

void CudaOps::Gelu(at::Tensor& x) {
  CheckCuda(kernels::LaunchGelu({.element = ElementOf(x),
                                 .x = x.data_ptr(),
                                 .x_stride = x.stride(0),
                                 .rows = x.size(0),
                                 .width = x.size(1)},
                                stream_),
            "gelu");
}

void CudaOps::Add(at::Tensor& residual, const at::Tensor& x) {
  CheckCuda(kernels::LaunchAdd({.element = ElementOf(x),
                                .residual = residual.data_ptr(),
                                .residual_stride = residual.stride(0),
                                .x = x.const_data_ptr(),
                                .x_stride = x.stride(0),
                                .rows = x.size(0),
                                .width = x.size(1)},
                               stream_),
            "add");
}

void CudaOps::Copy(at::Tensor& out, const at::Tensor& source) {
  const c10::cuda::CUDAStreamGuard on_ours(c10::cuda::getStreamFromExternal(stream_, 0));
  out.copy_(source);
}

ops::RotaryTable CudaOps::KeepRotary(ops::RotaryTable table) {
  table.cos = Keep(table.cos);
  table.sin = Keep(table.sin);
  table.axis = Keep(table.axis);
  return table;
}

void CudaOps::Rotary(at::Tensor& x, const at::Tensor& positions, const ops::RotaryTable& table) {
  // Queries and keys are the first two of three parts of a row.
  CheckCuda(kernels::LaunchVisionRotary({.element = ElementOf(x),
                                         .qkv = x.data_ptr(),
                                         .qkv_stride = x.stride(0),
                                         .rows = x.size(0),
                                         .heads = static_cast<int32_t>(x.size(1) / 2),
                                         .head_dim = static_cast<int32_t>(x.size(2)),
                                         .half = static_cast<int32_t>(table.cos.size(1)),
                                         .positions = Ints(positions),
                                         .axis_stride = positions.stride(0),
                                         .axis = Ints(table.axis),
                                         .cos = table.cos.const_data_ptr<float>(),
                                         .sin = table.sin.const_data_ptr<float>()},
                                        stream_),
            "rotary");
}

void CudaOps::RotaryAppend(at::Tensor& qkv, const at::Tensor& positions,
                           const ops::RotaryTable& table, const at::Tensor& cache_rows,
                           at::Tensor& k_cache, at::Tensor& v_cache) {
  const int64_t kv_heads = k_cache.size(1);
  const int64_t head_dim = k_cache.size(3);
  CheckCuda(kernels::LaunchTextRotary(
                {.element = ElementOf(qkv),
                 .qkv = qkv.data_ptr(),
                 .qkv_stride = qkv.stride(0),
                 .rows = qkv.size(0),
                 .heads = static_cast<int32_t>(qkv.size(1) / head_dim - 2 * kv_heads),
                 .kv_heads = static_cast<int32_t>(kv_heads),
                 .head_dim = static_cast<int32_t>(head_dim),
                 .half = static_cast<int32_t>(table.cos.size(1)),
                 .positions = Ints(positions),
                 .axis_stride = positions.stride(0),
                 .axis = Ints(table.axis),
                 .cos = table.cos.const_data_ptr<float>(),
                 .sin = table.sin.const_data_ptr<float>(),
                 .k_cache = k_cache.data_ptr(),
                 .v_cache = v_cache.data_ptr(),
                 .block_tokens = static_cast<int32_t>(k_cache.size(2)),
                 .slots = Ints(cache_rows)},
                stream_),
            "rotary");
}

void CudaOps::AddPositionEmbedding(at::Tensor& x, const at::Tensor& table, const at::Tensor& rows,
                                   const at::Tensor& columns, int64_t grid_rows,
                                   int64_t grid_cols) {
  int32_t side = 1;
  while (int64_t{side} * side < table.size(0)) ++side;
  CheckCuda(kernels::LaunchAddPositionEmbedding({.element = ElementOf(x),
                                                 .x = x.data_ptr(),
                                                 .x_stride = x.stride(0),
                                                 .patches = x.size(0),
                                                 .width = static_cast<int32_t>(x.size(1)),
                                                 .table = table.const_data_ptr(),
                                                 .side = side,
                                                 .rows = Ints(rows),
                                                 .columns = Ints(columns),
                                                 .grid_rows = static_cast<int32_t>(grid_rows),
                                                 .grid_cols = static_cast<int32_t>(grid_cols)},
                                                stream_),
            "position embedding");
}

void CudaOps::Patches(at::Tensor& patches, const at::Tensor& pixels,
                      const ops::PatchLayout& layout) {
  CheckCuda(cudaMemcpyAsync(pixels_, pixels.const_data_ptr(), pixels.nbytes(),
                            cudaMemcpyHostToDevice, stream_),
            "pixels");
  CheckCuda(kernels::LaunchPatches({.element = ElementOf(patches),
                                    .pixels = reinterpret_cast<const uint8_t*>(pixels_),
                                    .height = static_cast<int32_t>(pixels.size(0)),
                                    .width = static_cast<int32_t>(pixels.size(1)),
                                    .channels = static_cast<int32_t>(pixels.size(2)),
                                    .values = layout.values.const_data_ptr(),
                                    .out = patches.data_ptr(),
                                    .patch = static_cast<int32_t>(layout.patch_px),
                                    .merge = static_cast<int32_t>(layout.merge),
                                    .temporal = static_cast<int32_t>(layout.temporal)},
                                   stream_),
            "patches");
}

}  // namespace glyph::vlm
