#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "ATen/core/Tensor.h"
#include "vlm_service/engine/step_executor.h"
#include "vlm_service/ops/attention.h"
#include "vlm_service/ops/linear.h"
#include "vlm_service/ops/patches.h"
#include "vlm_service/ops/rotary.h"

namespace glyph::vlm {

// What the model is written against, once for every device: operations on tensors of that device,
// of the model's type (float32 or bfloat16) unless said otherwise. Results come first and are
// written in place. Work is done in order, and perhaps later: Synchronize waits for it. What an
// operation computes and where it rounds is stated beside the processor's implementation, in
// the header named with it. Everything throws torch's exceptions. Not thread-safe.
class Ops {
 public:
  virtual ~Ops() = default;

  // Memory that lives as long as the operations, counted for `component`; contents undefined.
  virtual at::Tensor Allocate(std::string_view component, at::IntArrayRef sizes,
                              at::ScalarType type) = 0;
  // The components, where memory was planned and a driver counts it: their used bytes are what was
  // allocated. Empty where memory is taken as it is needed.
  virtual std::vector<ComponentMemory> PlannedMemory() const { return {}; }
  // What `tensor` of the host holds, on the device, for as long as the result lives.
  virtual at::Tensor Keep(const at::Tensor& tensor) = 0;
  // The same for a linear map (linear.h); weight and bias may be views of a file.
  virtual ops::LinearWeights KeepLinear(const at::Tensor& weight, const at::Tensor& bias,
                                        at::ScalarType type) = 0;
  // Work of a step follows; that of the step before the last is done. Values staged in a step are
  // valid in it.
  virtual void BeginStep() {}
  // Small host values on the device, valid until Synchronize; `values` must live as long.
  virtual at::Tensor Stage(std::span<const int32_t> values) = 0;
  // Writes host values to the front of int32 `to`; they may go at once.
  virtual void Write(at::Tensor& to, std::span<const int32_t> values) = 0;

  // Runs work that always is the same for a key: operations on tensors whose places and shapes the
  // key tells.
  virtual void Repeat(int64_t key, const std::function<void()>& work) = 0;
  // What a batch of `rows` decode rows is padded to, so that keys are few.
  virtual int64_t PaddedRows(int64_t rows) const = 0;
  virtual void Synchronize() = 0;
  // Zeros.
  virtual void Clear(at::Tensor& tensor) = 0;
  // Rows whose widest intermediates are to be held at once.
  virtual int64_t WideRows() const = 0;
  // Rows of memory that attention over `rows` of a chunk or of a page may touch, from the first one
  // on; keys and values of a page are finite in all of them.
  virtual int64_t RoomFor(int64_t rows) const = 0;
  // Tokens that the block table of a chunk with `tokens` before its end must cover.
  virtual int64_t TableTokens(int64_t tokens) const = 0;

  // rows.h. indices [count] int32. What is gathered comes as float32, from rows of either type.
  virtual void GatherRows(at::Tensor& out, const at::Tensor& source, const at::Tensor& indices) = 0;
  virtual void ScatterRows(at::Tensor& out, const at::Tensor& indices,
                           const at::Tensor& source) = 0;
  // out[i] = table[tokens[slots[i]]] in float32; rows of negative slots are padding: anything
  // finite.
  virtual void EmbedSlots(at::Tensor& out, const at::Tensor& table, const at::Tensor& tokens,
                          const at::Tensor& slots) = 0;

  // linear.h
  virtual void Linear(at::Tensor& out, const at::Tensor& x, const ops::LinearWeights& weights) = 0;
  // out = silu(gate) * up, where [gate | up] = x W^T goes to `gate_up` if it goes anywhere.
  virtual void GatedLinear(at::Tensor& out, const at::Tensor& x, const ops::LinearWeights& weights,
                           at::Tensor& gate_up) = 0;

  // elementwise.h. x is of out's type or float32.
  virtual void RmsNorm(at::Tensor& out, const at::Tensor& x, const at::Tensor& weight,
                       double eps) = 0;
  // residual is float32, also in AddRmsNormThenNorm.
  virtual void AddRmsNorm(at::Tensor& residual, const at::Tensor& x, const at::Tensor& weight,
                          double eps) = 0;
  // AddRmsNorm, then out = RmsNorm(residual) with `next_weight`.
  virtual void AddRmsNormThenNorm(at::Tensor& out, at::Tensor& residual, const at::Tensor& x,
                                  const at::Tensor& weight, const at::Tensor& next_weight,
                                  double eps) = 0;
  virtual void LayerNorm(at::Tensor& out, const at::Tensor& x, const at::Tensor& weight,
                         const at::Tensor& bias, double eps) = 0;
  virtual void Gelu(at::Tensor& x) = 0;
  virtual void Add(at::Tensor& residual, const at::Tensor& x) = 0;

  // rotary.h. The table as it is read: Keep of its tensors. Rotary takes the first two parts,
  // queries and keys, of rows of three.
  virtual ops::RotaryTable KeepRotary(ops::RotaryTable table) = 0;
  virtual void Rotary(at::Tensor& x, const at::Tensor& positions,
                      const ops::RotaryTable& table) = 0;
  // Rotates the queries and keys of qkv [rows, (heads + 2 * kv_heads) * head_dim] in place and
  // writes keys and values to the rows `cache_rows` [rows] int32 (none where negative) of the
  // caches [blocks, kv_heads, block_tokens, head_dim].
  virtual void RotaryAppend(at::Tensor& qkv, const at::Tensor& positions,
                            const ops::RotaryTable& table, const at::Tensor& cache_rows,
                            at::Tensor& k_cache, at::Tensor& v_cache) = 0;

  // position_embedding.h
  virtual void AddPositionEmbedding(at::Tensor& x, const at::Tensor& table, const at::Tensor& rows,
                                    const at::Tensor& columns, int64_t grid_rows,
                                    int64_t grid_cols) = 0;
  // patches.h; the pixels are the host's, the layout's values were kept.
  virtual void Patches(at::Tensor& patches, const at::Tensor& pixels,
                       const ops::PatchLayout& layout) = 0;

  // out = source, whatever their strides.
  virtual void Copy(at::Tensor& out, const at::Tensor& source) = 0;

  // attention.h
  virtual void Attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k,
                         const at::Tensor& v) = 0;
  virtual void ChunkAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                              const at::Tensor& v_cache, const ops::PagedChunk& chunk) = 0;
  virtual void PagedAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                              const at::Tensor& v_cache, const ops::PagedSequences& sequences) = 0;
};

}  // namespace glyph::vlm
