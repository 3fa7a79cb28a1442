// The attention of CudaOps: cuDNN where it serves, else our kernels.
#include <algorithm>
#include <cmath>
#include <utility>

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

using kernels::CudnnAttentionRows;
using kernels::CudnnAttentionSpec;

// Below this cuDNN's tiles are mostly padding.
constexpr int64_t kFewRows = 64;

bool IsCudnnShape(const at::Tensor& q) {
  return q.scalar_type() == at::kBFloat16 && q.size(2) == 128;
}

CudnnAttentionSpec::Strides StridesOf(const at::Tensor& rows) {
  return {.row = rows.stride(0), .head = rows.stride(1)};
}

}  // namespace

bool CudaOps::TryCudnn(const CudnnAttentionSpec& spec, const kernels::CudnnAttentionArgs& args) {
  if (cudnn_ == nullptr) return false;
  const auto plan = cudnn_->Prepare(spec);
  if (!plan.ok() || plan->workspace_bytes > kCudnnBytes) return false;
  CheckOk(cudnn_->Run(spec, args, stream_));
  return true;
}

// A plan takes some 50 ms: no request waits for one, unless it reads more rows at once than
// --max-chunk has by default.
void CudaOps::Prepare(CudnnAttentionSpec spec, int64_t rows, int64_t least, int64_t most) {
  constexpr int64_t kMostRows = 8192;
  for (int64_t few = 1; few <= std::min(rows, kMostRows); few = spec.rows_q + 1) {
    spec.rows_q = kernels::QueryBound(few);
    for (int64_t tokens = std::max(few, least); tokens <= most; tokens = spec.rows_k + 1) {
      spec.rows_k = kernels::TokenBound(tokens);
      if (!cudnn_->Prepare(spec).ok()) return;  // TryCudnn tells
    }
  }
}

const CudnnAttentionRows* CudaOps::StageRows(int64_t rows_q, int64_t rows_k) {
  const CudnnAttentionRows actual = {.rows_q = static_cast<int32_t>(rows_q),
                                     .rows_k = static_cast<int32_t>(rows_k)};
  const std::byte* staged = staging_.Stage(std::as_bytes(std::span(&actual, 1)));
  return reinterpret_cast<const CudnnAttentionRows*>(staged);
}

// Pages of fewer patches are bounded as if they had so many, which costs them nothing.
bool CudaOps::TryCudnnPage(at::Tensor& out, const at::Tensor& q, const at::Tensor& k,
                           const at::Tensor& v) {
  constexpr int64_t kFewPatches = 8193;
  const CudnnAttentionSpec spec = {.mask = CudnnAttentionSpec::Mask::kFull,
                                   .rows = CudnnAttentionSpec::Rows::kAtMost,
                                   .heads = static_cast<int32_t>(q.size(1)),
                                   .kv_heads = static_cast<int32_t>(k.size(1)),
                                   .rows_q = kernels::QueryBound(q.size(0)),
                                   .rows_k = kernels::TokenBound(std::max(k.size(0), kFewPatches)),
                                   .q = StridesOf(q),
                                   .out = StridesOf(out),
                                   .k = StridesOf(k),
                                   .v = StridesOf(v)};
  if (cudnn_ != nullptr && !std::exchange(pages_prepared_, true)) {
    Prepare(spec, page_patches_, kFewPatches, std::max(page_patches_, kFewPatches));
  }
  return TryCudnn(spec, {.q = q.const_data_ptr(),
                         .k = k.const_data_ptr(),
                         .v = v.const_data_ptr(),
                         .out = out.data_ptr(),
                         .rows = StageRows(q.size(0), k.size(0)),
                         .workspace = cudnn_workspace_});
}

void CudaOps::Attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v) {
  if (IsCudnnShape(q) && TryCudnnPage(out, q, k, v)) return;
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

// The bounds of a plan hold for all that is read: q and out have rows up to theirs, and the table's
// entries beyond the sequence's repeat its first block, whose values are finite.
bool CudaOps::TryCudnnChunk(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                            const at::Tensor& v_cache, const ops::PagedChunk& chunk) {
  const int64_t rows = chunk.first + q.size(0);
  CudnnAttentionSpec spec = {.mask = CudnnAttentionSpec::Mask::kCausalBottomRight,
                             .rows = CudnnAttentionSpec::Rows::kAtMost,
                             .heads = static_cast<int32_t>(q.size(1)),
                             .kv_heads = static_cast<int32_t>(k_cache.size(1)),
                             .rows_q = kernels::QueryBound(q.size(0)),
                             .rows_k = kernels::TokenBound(rows),
                             .q = StridesOf(q),
                             .out = StridesOf(out),
                             .k = {.row = k_cache.stride(2), .head = k_cache.stride(1)},
                             .v = {.row = v_cache.stride(2), .head = v_cache.stride(1)},
                             .block_tokens = static_cast<int32_t>(k_cache.size(2)),
                             .num_blocks = k_cache.size(0),
                             .block_stride = k_cache.stride(0)};
  if (cudnn_ != nullptr && !std::exchange(chunks_prepared_, true)) {
    Prepare(spec, chunk_rows_, 1, context_tokens_);
  }
  return TryCudnn(spec, {.q = q.const_data_ptr(),
                         .k = k_cache.const_data_ptr(),
                         .v = v_cache.const_data_ptr(),
                         .out = out.data_ptr(),
                         .block_table = Ints(chunk.blocks),
                         .rows = StageRows(q.size(0), rows),
                         .workspace = cudnn_workspace_});
}

void CudaOps::ChunkAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                             const at::Tensor& v_cache, const ops::PagedChunk& chunk) {
  if (IsCudnnShape(q) && q.size(0) >= kFewRows && TryCudnnChunk(out, q, k_cache, v_cache, chunk)) {
    return;
  }
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
