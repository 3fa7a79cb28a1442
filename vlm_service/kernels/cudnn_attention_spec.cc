#include "vlm_service/kernels/cudnn_attention_spec.h"

#include "absl/strings/str_cat.h"

namespace glyph::vlm::kernels {

std::string ToString(const CudnnAttentionSpec& spec) {
  using Spec = CudnnAttentionSpec;
  const char* mask = spec.mask == Spec::Mask::kFull     ? "full"
                     : spec.mask == Spec::Mask::kCausal ? "causal"
                                                        : "causal bottom-right";
  return absl::StrCat(mask, spec.block_tokens > 0 ? " paged" : "", " q ", spec.rows_q, " kv ",
                      spec.rows_k, " heads ", spec.heads, "/", spec.kv_heads,
                      spec.rows == Spec::Rows::kExact ? " exact" : " at most");
}

}  // namespace glyph::vlm::kernels
