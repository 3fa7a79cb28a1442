#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "vlm_service/kernels/cudnn_attention.h"
#include "vlm_service/kernels/gemm.h"
#include "vlm_service/ops/cuda/device_memory.h"
#include "vlm_service/ops/cuda/driver_memory.h"
#include "vlm_service/ops/cuda/graphs.h"
#include "vlm_service/ops/cuda/staging.h"
#include "vlm_service/ops/ops.h"

namespace glyph::vlm {

// What the operations must know before the first one.
struct CudaOpsOptions {
  std::map<std::string, int64_t> component_bytes;  // DeviceMemory's; "workspace" above our own
  int64_t heads = 0;                               // of a decode row, the most there are
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t max_decode_rows = 0;
  int64_t kv_tokens = 0;       // of the whole cache
  int64_t chunk_rows = 0;      // of a prefill chunk, the most there are
  int64_t page_patches = 0;    // of a page, the most there are
  int64_t context_tokens = 0;  // of a sequence
  int64_t context_bytes = 0;   // that the driver took for this process before
  int64_t graphs_bytes = 0;    // planned for all graphs
};

// Ops on one GPU: our kernels, cuBLASLt and cuDNN, in order on one stream. Memory is taken from the
// driver at the start alone. Errors are torch's exceptions.
class CudaOps final : public Ops {
 public:
  explicit CudaOps(const CudaOpsOptions& options);
  ~CudaOps() override;

  static constexpr int64_t kWideRows = 4096;

  // Bytes of "workspace" that the operations take themselves.
  static int64_t WorkspaceBytes(const CudaOpsOptions& options);

  DeviceMemory& memory() { return memory_; }
  cudaStream_t stream() const { return stream_; }
  // Copies to the device; `bytes` may go at once.
  void WriteBytes(void* to, std::span<const std::byte> bytes);
  // Copies a dense tensor to the host as float32, when all work is done.
  void Read(const at::Tensor& tensor, std::span<float> values);

  at::Tensor Allocate(std::string_view component, at::IntArrayRef sizes,
                      at::ScalarType type) override;
  // Besides DeviceMemory's regions: "context", "graphs" as measured, "driver", which is all that is
  // in use on the device, and "unattributed", what of that none of the others explains.
  std::vector<ComponentMemory> PlannedMemory() const override;
  at::Tensor Keep(const at::Tensor& tensor) override;
  ops::LinearWeights KeepLinear(const at::Tensor& weight, const at::Tensor& bias,
                                at::ScalarType type) override;
  void BeginStep() override { staging_.BeginStep(); }
  at::Tensor Stage(std::span<const int32_t> values) override;
  void Write(at::Tensor& to, std::span<const int32_t> values) override;
  void Repeat(int64_t key, const std::function<void()>& work) override { graphs_.Run(key, work); }
  int64_t PaddedRows(int64_t rows) const override { return Padded(rows); }
  // 1, 2, 4, 8, then multiples of 8 and, from 64 on, of 32.
  static int64_t Padded(int64_t rows);
  void Synchronize() override;
  void Clear(at::Tensor& tensor) override;
  int64_t WideRows() const override { return kWideRows; }
  int64_t RoomFor(int64_t rows) const override { return kernels::QueryBound(rows); }
  int64_t TableTokens(int64_t tokens) const override { return kernels::TokenBound(tokens); }

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
  ops::RotaryTable KeepRotary(ops::RotaryTable table) override;
  void Rotary(at::Tensor& x, const at::Tensor& positions, const ops::RotaryTable& table) override;
  void RotaryAppend(at::Tensor& qkv, const at::Tensor& positions, const ops::RotaryTable& table,
                    const at::Tensor& cache_rows, at::Tensor& k_cache,
                    at::Tensor& v_cache) override;
  void AddPositionEmbedding(at::Tensor& x, const at::Tensor& table, const at::Tensor& rows,
                            const at::Tensor& columns, int64_t grid_rows,
                            int64_t grid_cols) override;
  void Patches(at::Tensor& patches, const at::Tensor& pixels,
               const ops::PatchLayout& layout) override;
  void Copy(at::Tensor& out, const at::Tensor& source) override;
  void Attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k,
                 const at::Tensor& v) override;
  void ChunkAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                      const at::Tensor& v_cache, const ops::PagedChunk& chunk) override;
  void PagedAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                      const at::Tensor& v_cache, const ops::PagedSequences& sequences) override;

 private:
  // The kernel that reads weights once, where it applies.
  bool TryFewRows(at::Tensor& out, const at::Tensor& x, const ops::LinearWeights& weights,
                  bool gated);
  // False: cuDNN does not serve.
  bool TryCudnn(const kernels::CudnnAttentionSpec& spec, const kernels::CudnnAttentionArgs& args);
  // Builds the plans of up to `rows` queries over `least` to `most` tokens, alike in all else.
  void Prepare(kernels::CudnnAttentionSpec spec, int64_t rows, int64_t least, int64_t most);
  // Staged, for as long as a step.
  const kernels::CudnnAttentionRows* StageRows(int64_t rows_q, int64_t rows_k);
  bool TryCudnnPage(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
  bool TryCudnnChunk(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                     const at::Tensor& v_cache, const ops::PagedChunk& chunk);

  static constexpr int64_t kCudnnBytes = int64_t{64} << 20;

  const cudaStream_t stream_;
  DeviceMemory memory_;
  Staging staging_;
  Graphs graphs_;
  const int64_t context_bytes_;
  const int64_t graphs_bytes_;
  mutable DriverGauge driver_;
  const int32_t max_decode_chunks_;
  std::byte* const decode_workspace_;
  std::byte* const cudnn_workspace_;
  std::byte* const pixels_;  // of one page
  const int64_t chunk_rows_;
  const int64_t context_tokens_;
  const int64_t page_patches_;
  bool chunks_prepared_ = false;
  bool pages_prepared_ = false;
  bool overlaps_ = false;  // kernels may begin before the last one ends
  std::unique_ptr<kernels::Gemm> gemm_;
  std::unique_ptr<kernels::CudnnAttention> cudnn_;  // null where there is none
};

}  // namespace glyph::vlm
