#include "vlm_service/ops/cpu_ops.h"

#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "ATen/ops/empty.h"
#include "ATen/ops/from_blob.h"
#include "vlm_service/ops/elementwise.h"
#include "vlm_service/ops/patches.h"
#include "vlm_service/ops/position_embedding.h"
#include "vlm_service/ops/rows.h"

namespace glyph::vlm {
namespace {

std::span<const int32_t> Values(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<int32_t>(), static_cast<size_t>(tensor.numel())};
}

// A step reads the KV cache all over the pool. Best effort: the kernel may refuse.
void AskForHugePages(const at::Tensor& tensor) {
  constexpr uintptr_t kHugePage = 1 << 21;
  const auto begin = reinterpret_cast<uintptr_t>(tensor.data_ptr());
  const uintptr_t first = (begin + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t end = (begin + tensor.nbytes()) / kHugePage * kHugePage;
  if (first < end) madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
}

}  // namespace

at::Tensor CpuOps::Allocate(std::string_view component, at::IntArrayRef sizes,
                            at::ScalarType type) {
  at::Tensor tensor = at::empty(sizes, at::dtype(type));
  if (component == "kv") AskForHugePages(tensor);
  return tensor;
}

ops::LinearWeights CpuOps::KeepLinear(const at::Tensor& weight, const at::Tensor& bias,
                                      at::ScalarType type) {
  return ops::PackLinear(weight, bias, type);
}

at::Tensor CpuOps::Stage(std::span<const int32_t> values) {
  // Nothing writes to it; from_blob has no const form.
  return at::from_blob(const_cast<int32_t*>(values.data()), {static_cast<int64_t>(values.size())},
                       at::kInt);
}

void CpuOps::Write(at::Tensor& to, std::span<const int32_t> values) {
  std::copy(values.begin(), values.end(), to.data_ptr<int32_t>());
}

void CpuOps::Repeat(int64_t /*key*/, const std::function<void()>& work) { work(); }

void CpuOps::GatherRows(at::Tensor& out, const at::Tensor& source, const at::Tensor& indices) {
  ops::GatherRows(out, source, Values(indices));
}

void CpuOps::ScatterRows(at::Tensor& out, const at::Tensor& indices, const at::Tensor& source) {
  ops::ScatterRows(out, Values(indices), source);
}

void CpuOps::EmbedSlots(at::Tensor& out, const at::Tensor& table, const at::Tensor& tokens,
                        const at::Tensor& slots) {
  std::vector<int32_t> ids;
  for (const int32_t slot : Values(slots)) ids.push_back(Values(tokens)[slot]);
  ops::GatherRows(out, table, ids);
}

void CpuOps::Linear(at::Tensor& out, const at::Tensor& x, const ops::LinearWeights& weights) {
  ops::Linear(out, x, weights);
}

void CpuOps::GatedLinear(at::Tensor& out, const at::Tensor& x, const ops::LinearWeights& weights,
                         at::Tensor& gate_up) {
  const int64_t width = out.size(1);
  ops::Linear(gate_up, x, weights);
  ops::SiluMul(out, gate_up.narrow(1, 0, width), gate_up.narrow(1, width, width));
}

void CpuOps::RmsNorm(at::Tensor& out, const at::Tensor& x, const at::Tensor& weight, double eps) {
  ops::RmsNorm(out, x, weight, eps);
}

void CpuOps::AddRmsNorm(at::Tensor& residual, const at::Tensor& x, const at::Tensor& weight,
                        double eps) {
  ops::AddRmsNorm(residual, x, weight, eps);
}

void CpuOps::AddRmsNormThenNorm(at::Tensor& out, at::Tensor& residual, const at::Tensor& x,
                                const at::Tensor& weight, const at::Tensor& next_weight,
                                double eps) {
  ops::AddRmsNorm(residual, x, weight, eps);
  ops::RmsNorm(out, residual, next_weight, eps);
}

void CpuOps::LayerNorm(at::Tensor& out, const at::Tensor& x, const at::Tensor& weight,
                       const at::Tensor& bias, double eps) {
  ops::LayerNorm(out, x, weight, bias, eps);
}

void CpuOps::Gelu(at::Tensor& x) { ops::Gelu(x); }

void CpuOps::Add(at::Tensor& residual, const at::Tensor& x) { ops::Add(residual, x); }

void CpuOps::Rotary(at::Tensor& x, const at::Tensor& positions, const ops::RotaryTable& table) {
  ops::Rotary(x, positions, table);
}

void CpuOps::RotaryAppend(at::Tensor& qkv, const at::Tensor& positions,
                          const ops::RotaryTable& table, const at::Tensor& cache_rows,
                          at::Tensor& k_cache, at::Tensor& v_cache) {
  const int64_t kv_heads = k_cache.size(1);
  const int64_t block_tokens = k_cache.size(2);
  const int64_t head_dim = k_cache.size(3);
  const at::Tensor by_head = qkv.view({qkv.size(0), -1, head_dim});
  const int64_t heads = by_head.size(1) - 2 * kv_heads;
  at::Tensor rotated = by_head.narrow(1, 0, heads + kv_heads);
  ops::Rotary(rotated, positions, table);
  at::Tensor keys = k_cache.view({-1, head_dim});
  at::Tensor values = v_cache.view({-1, head_dim});
  std::vector<int32_t> rows(static_cast<size_t>(qkv.size(0)));
  for (int64_t head = 0; head < kv_heads; ++head) {
    std::transform(
        Values(cache_rows).begin(), Values(cache_rows).end(), rows.begin(), [&](int32_t row) {
          return static_cast<int32_t>((row / block_tokens * kv_heads + head) * block_tokens +
                                      row % block_tokens);
        });
    ops::ScatterRows(keys, rows, by_head.select(1, heads + head));
    ops::ScatterRows(values, rows, by_head.select(1, heads + kv_heads + head));
  }
}

void CpuOps::AddPositionEmbedding(at::Tensor& x, const at::Tensor& table, const at::Tensor& rows,
                                  const at::Tensor& columns, int64_t grid_rows, int64_t grid_cols) {
  ops::AddPositionEmbedding(x, table, rows, columns, grid_rows, grid_cols);
}

void CpuOps::Patches(at::Tensor& patches, const at::Tensor& pixels,
                     const ops::PatchLayout& layout) {
  ops::Patches(patches, pixels, layout);
}

void CpuOps::Attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k,
                       const at::Tensor& v) {
  ops::Attention(out, q, k, v);
}

void CpuOps::ChunkAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                            const at::Tensor& v_cache, const ops::PagedChunk& chunk) {
  ops::ChunkAttention(out, q, k_cache, v_cache, chunk);
}

void CpuOps::PagedAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                            const at::Tensor& v_cache, const ops::PagedSequences& sequences) {
  ops::PagedAttention(out, q, k_cache, v_cache, sequences);
}

}  // namespace glyph::vlm
