// The attention of CudaOps: cuDNN where it serves, else our kernels.
#include <cmath>

#include "vlm_service/kernels/paged_decode_attention.h"
#include "vlm_service/kernels/sequence_attention.h"
#include "vlm_service/ops/cuda/check.h"
#include "vlm_service/ops/cuda/cuda_ops.h"
#include "vlm_service/ops/cuda/params.h"

namespace glyph::vlm {
namespace {

float ScaleOf(const at::Tensor& q) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(q.size(2))));
}

}  // namespace

void CudaOps::Attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v) {
  CheckCuda(kernels::LaunchFullAttention({.element = ElementOf(q),
                                          .q = q.const_data_ptr(),
                                          .q_row_stride = q.stride(0),
                                          .q_head_stride = q.stride(1),
                                          .k = k.const_data_ptr(),
                                          .v = v.const_data_ptr(),
                                          .kv_row_stride = k.stride(0),
                                          .kv_head_stride = k.stride(1),
                                          .out = out.data_ptr(),
                                          .out_row_stride = out.stride(0),
                                          .out_head_stride = out.stride(1),
                                          .rows = static_cast<int32_t>(q.size(0)),
                                          .tokens = static_cast<int32_t>(k.size(0)),
                                          .heads = static_cast<int32_t>(q.size(1)),
                                          .head_dim = static_cast<int32_t>(q.size(2)),
                                          .scale = ScaleOf(q)},
                                         stream_),
            "attention");
}

void CudaOps::ChunkAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                             const at::Tensor& v_cache, const ops::PagedChunk& chunk) {
  const auto first = static_cast<int32_t>(chunk.first);
  CheckCuda(
      kernels::LaunchCausalPagedAttention({.element = ElementOf(q),
                                           .q = q.const_data_ptr(),
                                           .q_row_stride = q.stride(0),
                                           .q_head_stride = q.stride(1),
                                           .out = out.data_ptr(),
                                           .out_row_stride = out.stride(0),
                                           .out_head_stride = out.stride(1),
                                           .k_cache = k_cache.const_data_ptr(),
                                           .v_cache = v_cache.const_data_ptr(),
                                           .table = Ints(chunk.blocks),
                                           .first = Ints(Stage({&first, 1})),
                                           .rows = static_cast<int32_t>(q.size(0)),
                                           .heads = static_cast<int32_t>(q.size(1)),
                                           .kv_heads = static_cast<int32_t>(k_cache.size(1)),
                                           .head_dim = static_cast<int32_t>(q.size(2)),
                                           .block_tokens = static_cast<int32_t>(k_cache.size(2)),
                                           .scale = ScaleOf(q)},
                                          stream_),
      "attention");
}

void CudaOps::PagedAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                             const at::Tensor& v_cache, const ops::PagedSequences& sequences) {
  CheckCuda(
      kernels::LaunchPagedDecodeAttention({.element = ElementOf(q),
                                           .q = q.const_data_ptr(),
                                           .q_row_stride = q.stride(0),
                                           .out = out.data_ptr(),
                                           .k_cache = k_cache.const_data_ptr(),
                                           .v_cache = v_cache.const_data_ptr(),
                                           .tables = Ints(sequences.tables),
                                           .table_stride = sequences.tables.stride(0),
                                           .lengths = Ints(sequences.lengths),
                                           .rows = static_cast<int32_t>(q.size(0)),
                                           .heads = static_cast<int32_t>(q.size(1)),
                                           .kv_heads = static_cast<int32_t>(k_cache.size(1)),
                                           .head_dim = static_cast<int32_t>(q.size(2)),
                                           .block_tokens = static_cast<int32_t>(k_cache.size(2)),
                                           .scale = ScaleOf(q),
                                           .workspace = decode_workspace_,
                                           .max_chunks = max_decode_chunks_},
                                          stream_),
      "attention");
}

}  // namespace glyph::vlm
