#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/ops/ops.h"
#include "vlm_service/weights/safetensors.h"

namespace glyph::vlm {

struct TextLayerWeights {
  at::Tensor input_norm;           // [hidden], before attention
  at::Tensor post_attention_norm;  // of attention's output (post_self_attn_layernorm)
  at::Tensor mlp_norm;             // before the MLP (post_attention_layernorm)
  at::Tensor post_mlp_norm;        // of the MLP's output
  ops::LinearWeights qkv;          // [(heads + 2 * kv_heads) * head_dim, hidden]
  ops::LinearWeights o;
  ops::LinearWeights gate_up;  // [2 * intermediate, hidden], gate first
  ops::LinearWeights down;
};

struct TextWeights {
  at::Tensor embedding;  // [vocab, hidden]
  std::vector<TextLayerWeights> layers;
  at::Tensor norm;          // [hidden]
  ops::LinearWeights head;  // [vocab, hidden]; the embedding itself when tied
};

struct VisionBlockWeights {
  at::Tensor norm1, norm2;  // [hidden], before attention and before the MLP
  ops::LinearWeights qkv;   // [3 * hidden, hidden]
  ops::LinearWeights proj;
  ops::LinearWeights gate_up, down;  // [2 * out_hidden, hidden], gate first, and back
};

struct VisionWeights {
  ops::LinearWeights patch_embed;  // [hidden, patch_values]
  at::Tensor post_conv_norm;       // [hidden]
  at::Tensor positions;            // [position_side^2, hidden]
  std::vector<VisionBlockWeights> blocks;
  at::Tensor post_norm;           // [hidden]
  ops::LinearWeights downsample;  // [out_hidden, merge * merge * hidden], patches of a cell in turn
  ops::LinearWeights merger_proj;                   // [out_hidden, out_hidden]
  at::Tensor merger_norm_weight, merger_norm_bias;  // [out_hidden]
  ops::LinearWeights merger_gate_up, merger_down;   // [2 * intermediate, out_hidden] and back
};

// All weights of one model, in one type, where the operations keep them. Immutable after Load.
class ModelWeights {
 public:
  // Errors as WeightLoader and Weights::Open; INTERNAL when memory does not suffice.
  static absl::StatusOr<std::unique_ptr<ModelWeights>> Load(const std::string& model_dir,
                                                            const ModelConfig& config,
                                                            at::ScalarType type, Ops& ops);

  // The same of a file that is open.
  static absl::StatusOr<std::unique_ptr<ModelWeights>> Load(std::unique_ptr<Weights> file,
                                                            const ModelConfig& config,
                                                            at::ScalarType type, Ops& ops);

  const TextWeights& text() const { return text_; }
  const VisionWeights& vision() const { return vision_; }
  int64_t num_parameters() const { return num_parameters_; }
  int64_t num_bytes() const { return num_bytes_; }  // mapped ones included

 private:
  ModelWeights() = default;

  std::unique_ptr<Weights> file_;  // null once nothing maps it
  TextWeights text_;
  VisionWeights vision_;
  int64_t num_parameters_ = 0;
  int64_t num_bytes_ = 0;
};

}  // namespace glyph::vlm
