#pragma once
#include "vlm_service/ops/ops.h"

namespace glyph::vlm {

// Ops on the processor: everything is done when a function returns.
class CpuOps final : public Ops {
 public:
  at::Tensor Allocate(std::string_view component, at::IntArrayRef sizes,
                      at::ScalarType type) override;
  at::Tensor Keep(const at::Tensor& tensor) override { return tensor; }
  ops::LinearWeights KeepLinear(const at::Tensor& weight, const at::Tensor& bias,
                                at::ScalarType type) override;
  at::Tensor Stage(std::span<const int32_t> values) override;
  void Write(at::Tensor& to, std::span<const int32_t> values) override;
  void Repeat(int64_t key, const std::function<void()>& work) override;
  int64_t PaddedRows(int64_t rows) const override { return rows; }
  void Synchronize() override {}
  void Clear(at::Tensor& tensor) override { tensor.zero_(); }
  int64_t WideRows() const override { return 1024; }
  int64_t RoomFor(int64_t rows) const override { return rows; }
  int64_t TableTokens(int64_t tokens) const override { return tokens; }

  void GatherRows(at::Tensor& out, const at::Tensor& source, const at::Tensor& indices) override;
  void ScatterRows(at::Tensor& out, const at::Tensor& indices, const at::Tensor& source) override;
  void EmbedSlots(at::Tensor& out, const at::Tensor& table, const at::Tensor& tokens,
                  const at::Tensor& slots) override;
  void Linear(at::Tensor& out, const at::Tensor& x, const ops::LinearWeights& weights) override;
  void GatedLinear(at::Tensor& out, const at::Tensor& x, const ops::LinearWeights& weights,
                   at::Tensor& gate_up) override;
  void RmsNorm(at::Tensor& out, const at::Tensor& x, const at::Tensor& weight, double eps) override;
  void AddRmsNorm(at::Tensor& residual, const at::Tensor& x, const at::Tensor& weight,
                  double eps) override;
  void AddRmsNormThenNorm(at::Tensor& out, at::Tensor& residual, const at::Tensor& x,
                          const at::Tensor& weight, const at::Tensor& next_weight,
                          double eps) override;
  void LayerNorm(at::Tensor& out, const at::Tensor& x, const at::Tensor& weight,
                 const at::Tensor& bias, double eps) override;
  void Gelu(at::Tensor& x) override;
  void Add(at::Tensor& residual, const at::Tensor& x) override;
  ops::RotaryTable KeepRotary(ops::RotaryTable table) override { return table; }
  void Rotary(at::Tensor& x, const at::Tensor& positions, const ops::RotaryTable& table) override;
  void RotaryAppend(at::Tensor& qkv, const at::Tensor& positions, const ops::RotaryTable& table,
                    const at::Tensor& cache_rows, at::Tensor& k_cache,
                    at::Tensor& v_cache) override;
  void AddPositionEmbedding(at::Tensor& x, const at::Tensor& table, const at::Tensor& rows,
                            const at::Tensor& columns, int64_t grid_rows,
                            int64_t grid_cols) override;
  void Patches(at::Tensor& patches, const at::Tensor& pixels,
               const ops::PatchLayout& layout) override;
  void Copy(at::Tensor& out, const at::Tensor& source) override { out.copy_(source); }
  void Attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k,
                 const at::Tensor& v) override;
  void ChunkAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                      const at::Tensor& v_cache, const ops::PagedChunk& chunk) override;
  void PagedAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                      const at::Tensor& v_cache, const ops::PagedSequences& sequences) override;
};

}  // namespace glyph::vlm
