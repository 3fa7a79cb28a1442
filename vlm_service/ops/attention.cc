#include "vlm_service/ops/attention.h"

#include <cmath>
#include <vector>

#include "vlm_service/ops/element_type.h"
#include "vlm_service/ops/parallel.h"

namespace glyph::vlm::ops {
namespace {

// Tokens of a page taken at once.
constexpr int64_t kPageBlock = 64;

float ScaleOf(const at::Tensor& q) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(q.size(2))));
}

// What rows of q need to know of the keys and values they see.
struct Keys {
  const at::Tensor& k;
  const at::Tensor& v;
  int64_t kv_stride;
  int64_t kv_head_stride;
  int64_t kv_block_stride;
  int64_t kv_heads;
  const int32_t* blocks;
  int64_t block_tokens;
  int64_t tokens;
  int64_t first;
};

void AttendSequence(const at::Tensor& out, const at::Tensor& q, const Keys& keys) {
  DispatchElement(out, [&](auto zero) {
    using T = decltype(zero);
    const cpu::SequenceAttentionParams<T> params = {
        .q = Data<const T>(q),
        .q_stride = q.stride(0),
        .k = Data<const T>(keys.k),
        .v = Data<const T>(keys.v),
        .kv_stride = keys.kv_stride,
        .kv_head_stride = keys.kv_head_stride,
        .kv_block_stride = keys.kv_block_stride,
        .out = Data<T>(out),
        .out_stride = out.stride(0),
        .blocks = keys.blocks,
        .block_tokens = keys.block_tokens,
        .tokens = keys.tokens,
        .first = keys.first,
        .rows = q.size(0),
        .kv_heads = keys.kv_heads,
        .group = q.size(1) / keys.kv_heads,
        .head_dim = q.size(2),
        .scale = ScaleOf(q),
    };
    const int64_t tasks = cpu::SequenceAttentionTasks(params.rows, params.group, params.kv_heads);
    const int64_t cost = 2 * params.rows * q.size(1) * params.head_dim * params.tokens / tasks;
    ParallelFor(0, tasks, GrainSize(cost), [&](int64_t begin, int64_t end) {
      std::vector<float> scratch(
          cpu::SequenceAttentionScratch(params.head_dim, params.block_tokens));
      cpu::KernelsOf<T>().sequence_attention(params, begin, end, scratch.data());
    });
  });
}

}  // namespace

void Attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  AttendSequence(out, q,
                 {.k = k,
                  .v = v,
                  .kv_stride = k.stride(0),
                  .kv_head_stride = k.stride(1),
                  .kv_block_stride = kPageBlock * k.stride(0),
                  .kv_heads = k.size(1),
                  .blocks = nullptr,
                  .block_tokens = kPageBlock,
                  .tokens = k.size(0),
                  .first = k.size(0) - 1});
}

void ChunkAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                    const at::Tensor& v_cache, const PagedChunk& chunk) {
  AttendSequence(out, q,
                 {.k = k_cache,
                  .v = v_cache,
                  .kv_stride = k_cache.stride(2),
                  .kv_head_stride = k_cache.stride(1),
                  .kv_block_stride = k_cache.stride(0),
                  .kv_heads = k_cache.size(1),
                  .blocks = chunk.blocks.const_data_ptr<int32_t>(),
                  .block_tokens = k_cache.size(2),
                  .tokens = chunk.first + q.size(0),
                  .first = chunk.first});
}

void PagedAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                    const at::Tensor& v_cache, const PagedSequences& sequences) {
  const int64_t kv_heads = k_cache.size(1);
  int64_t tokens = 0;
  std::vector<const int32_t*> tables;
  std::vector<int64_t> lengths;
  for (int64_t row = 0; row < q.size(0); ++row) {
    tables.push_back(sequences.tables.const_data_ptr<int32_t>() + row * sequences.tables.stride(0));
    lengths.push_back(sequences.lengths.const_data_ptr<int32_t>()[row]);
    tokens += lengths.back();
  }
  DispatchElement(out, [&](auto zero) {
    using T = decltype(zero);
    const cpu::PagedAttentionParams<T> params = {
        .q = Data<const T>(q),
        .q_stride = q.stride(0),
        .k = Data<const T>(k_cache),
        .v = Data<const T>(v_cache),
        .kv_stride = k_cache.stride(2),
        .kv_head_stride = k_cache.stride(1),
        .kv_block_stride = k_cache.stride(0),
        .out = Data<T>(out),
        .blocks = tables.data(),
        .lengths = lengths.data(),
        .block_tokens = k_cache.size(2),
        .kv_heads = kv_heads,
        .group = q.size(1) / kv_heads,
        .head_dim = q.size(2),
        .scale = ScaleOf(q),
    };
    const int64_t tasks = q.size(0) * kv_heads;
    const int64_t cost = 2 * params.group * params.head_dim * tokens * kv_heads / tasks;
    ParallelFor(0, tasks, GrainSize(cost), [&](int64_t begin, int64_t end) {
      std::vector<float> scratch(cpu::PagedAttentionScratch(params.group, params.head_dim));
      cpu::KernelsOf<T>().paged_attention(params, begin, end, scratch.data());
    });
  });
}

}  // namespace glyph::vlm::ops
