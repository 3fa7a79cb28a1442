#include "vlm_service/ops/attention.h"

#include <cmath>
#include <vector>

#include "ATen/ops/scaled_dot_product_attention.h"
#include "vlm_service/ops/element_type.h"
#include "vlm_service/ops/parallel.h"

namespace glyph::vlm::ops {

void Attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
               AttentionMask mask) {
  const auto heads_first = [](const at::Tensor& x) { return x.transpose(0, 1).unsqueeze(0); };
  const at::Tensor result = at::scaled_dot_product_attention(
      heads_first(q), heads_first(k), heads_first(v), /*attn_mask=*/{}, /*dropout_p=*/0.0,
      /*is_causal=*/mask == AttentionMask::kCausal, /*scale=*/std::nullopt,
      /*enable_gqa=*/q.size(1) != k.size(1));
  out.copy_(result.squeeze(0).transpose(0, 1));
}

void PagedAttention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k_cache,
                    const at::Tensor& v_cache, const PagedSequences& sequences) {
  const int64_t kv_heads = k_cache.size(2);
  int64_t tokens = 0;
  for (const int64_t length : sequences.lengths) {
    tokens += length;
  }
  DispatchElement(out, [&](auto zero) {
    using T = decltype(zero);
    const cpu::PagedAttentionParams<T> params = {
        .q = Data<const T>(q),
        .k = Data<const T>(k_cache),
        .v = Data<const T>(v_cache),
        .out = Data<T>(out),
        .blocks = sequences.blocks.data(),
        .lengths = sequences.lengths.data(),
        .block_tokens = k_cache.size(1),
        .kv_heads = kv_heads,
        .group = q.size(1) / kv_heads,
        .head_dim = q.size(2),
        .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(q.size(2)))),
    };
    const int64_t tasks = q.size(0) * kv_heads;
    const int64_t cost = 2 * params.group * params.head_dim * tokens * kv_heads / tasks;
    ParallelFor(0, tasks, GrainSize(cost), [&](int64_t begin, int64_t end) {
      std::vector<float> scratch(
          cpu::PagedAttentionScratch(params.group, params.head_dim, params.block_tokens));
      cpu::KernelsOf<T>().paged_attention(params, begin, end, scratch.data());
    });
  });
}

}  // namespace glyph::vlm::ops
