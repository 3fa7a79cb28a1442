#include "vlm_service/kernels/cudnn_attention_spec.h"

#include "absl/strings/str_cat.h"

namespace glyph::vlm::kernels {

std::string ToString(const CudnnAttentionSpec& spec) {
  using Spec = CudnnAttentionSpec;
  const char* mask = spec.mask == Spec::Mask::kFull     ? "full"
                     : spec.mask == Spec::Mask::kCausal ? "causal"
                                                        : "causal bottom-right";
  const char* rows = spec.rows == Spec::Rows::kExact    ? "exact"
                     : spec.rows == Spec::Rows::kAtMost ? "at most"
                                                        : "ragged";
  const char* graph = spec.graph == Spec::Graph::kAuto        ? ""
                      : spec.graph == Spec::Graph::kComposite ? " composite"
                                                              : " unified";
  return absl::StrCat(mask, spec.block_tokens > 0 ? " paged" : "", " q ", spec.rows_q, " kv ",
                      spec.rows_k, " heads ", spec.heads, "/", spec.kv_heads, " ", rows, graph,
                      spec.share_kernels ? " shared" : "");
}

CudnnAttentionRows MakeRows(const CudnnAttentionSpec& spec, int64_t rows_q, int64_t rows_k) {
  const auto end = [](int64_t rows, const CudnnAttentionSpec::Strides& strides) {
    return static_cast<int32_t>(rows * strides.row);
  };
  return {.rows_q = static_cast<int32_t>(rows_q),
          .rows_k = static_cast<int32_t>(rows_k),
          .q_offsets = {0, end(rows_q, spec.q)},
          .k_offsets = {0, end(rows_k, spec.k)},
          .v_offsets = {0, end(rows_k, spec.v)},
          .out_offsets = {0, end(rows_q, spec.out)}};
}

int64_t RowBucket(int64_t rows) {
  int64_t bucket = 128;
  while (bucket < rows) bucket += (bucket & (bucket - 1)) == 0 ? bucket / 2 : bucket / 3;
  return bucket;
}

}  // namespace glyph::vlm::kernels
