#include "vlm_service/model/model_weights.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/base/logging.h"
#include "proto/rpc/error.h"
#include "vlm_service/model/exception_cause.h"
#include "vlm_service/model/weight_loader.h"

namespace glyph::vlm {
namespace {

TextLayerWeights LoadTextLayer(WeightLoader& loader, const TextConfig& config, int64_t index) {
  const std::string prefix = absl::StrCat("model.language_model.layers.", index, ".");
  const int64_t hidden = config.hidden_size;
  const auto norm = [&](const std::string& name) {
    return loader.Get(absl::StrCat(prefix, name, ".weight"), {hidden});
  };
  // Hugging Face always has these biases; a file that says attention_bias false may lack them.
  const auto projection = [&](const std::string& name, int64_t heads) -> LinearPart {
    const std::string full = absl::StrCat(prefix, "self_attn.", name);
    const bool bias = config.attention_bias || loader.Has(absl::StrCat(full, ".bias"));
    return {full, heads * config.head_dim, bias};
  };
  const auto linear = [&](const std::string& name, int64_t outputs, int64_t inputs) {
    return loader.Linear({{absl::StrCat(prefix, name), outputs, false}}, inputs);
  };
  return {
      .input_norm = norm("input_layernorm"),
      .post_attention_norm = norm("post_self_attn_layernorm"),
      .mlp_norm = norm("post_attention_layernorm"),
      .post_mlp_norm = norm("post_mlp_layernorm"),
      .qkv = loader.Linear(
          {projection("q_proj", config.num_heads), projection("k_proj", config.num_kv_heads),
           projection("v_proj", config.num_kv_heads)},
          hidden),
      .o = linear("self_attn.o_proj", hidden, hidden),
      .gate_up = linear("mlp.gate_up_proj", 2 * config.intermediate_size, hidden),
      .down = linear("mlp.down_proj", hidden, config.intermediate_size),
  };
}

TextWeights LoadText(WeightLoader& loader, const ModelConfig& config) {
  const TextConfig& text = config.text;
  TextWeights weights;
  weights.embedding =
      loader.Get("model.language_model.embed_tokens.weight", {text.vocab_size, text.hidden_size});
  for (int64_t i = 0; i < text.num_layers && loader.status().ok(); ++i) {
    weights.layers.push_back(LoadTextLayer(loader, text, i));
  }
  weights.norm = loader.Get("model.language_model.norm.weight", {text.hidden_size});
  if (config.tie_word_embeddings) {
    weights.head = loader.Pack(weights.embedding, {});
  } else {
    weights.head = loader.Linear({{"lm_head", text.vocab_size, false}}, text.hidden_size);
  }
  return weights;
}

VisionBlockWeights LoadVisionBlock(WeightLoader& loader, const VisionConfig& config,
                                   int64_t index) {
  const std::string prefix = absl::StrCat("model.visual.blocks.", index, ".");
  const int64_t hidden = config.hidden_size;
  const int64_t inner = config.out_hidden_size;
  const auto rows = [&](const std::string& name, int64_t outputs, bool bias) -> LinearPart {
    return {absl::StrCat(prefix, name), outputs, bias};
  };
  return {
      .norm1 = loader.Get(absl::StrCat(prefix, "norm1.weight"), {hidden}),
      .norm2 = loader.Get(absl::StrCat(prefix, "norm2.weight"), {hidden}),
      .qkv = loader.Linear({rows("attn.qkv", 3 * hidden, config.attention_bias)}, hidden),
      .proj = loader.Linear({rows("attn.proj", hidden, false)}, hidden),
      .gate_up = loader.Linear(
          {rows("mlp.gate_proj", inner, false), rows("mlp.up_proj", inner, false)}, hidden),
      .down = loader.Linear({rows("mlp.down_proj", hidden, false)}, inner),
  };
}

// The patch embedding, a convolution whose kernel is its stride, as a linear map of one patch.
ops::LinearWeights LoadPatchEmbed(WeightLoader& loader, const VisionConfig& config) {
  const int64_t patch = config.patch_size;
  const at::Tensor weight = loader.Mapped(
      "model.visual.patch_embed.proj.weight",
      {config.hidden_size, config.in_channels, config.temporal_patch_size, patch, patch});
  const at::Tensor bias = loader.Mapped("model.visual.patch_embed.proj.bias", {config.hidden_size});
  if (!loader.status().ok()) return {};
  return loader.Pack(weight.view({config.hidden_size, config.patch_values()}), bias);
}

// The downsampling convolution as a linear map of a cell's merge * merge patches, which lie one
// after another.
ops::LinearWeights LoadDownsample(WeightLoader& loader, const VisionConfig& config) {
  const int64_t merge = config.merge_size;
  const at::Tensor weight = loader.Mapped(
      "model.visual.downsample.weight", {config.out_hidden_size, config.hidden_size, merge, merge});
  const at::Tensor bias = loader.Mapped("model.visual.downsample.bias", {config.out_hidden_size});
  if (!loader.status().ok()) return {};
  return loader.Pack(weight.permute({0, 2, 3, 1})
                         .reshape({config.out_hidden_size, merge * merge * config.hidden_size}),
                     bias);
}

void LoadMerger(WeightLoader& loader, const VisionConfig& config, VisionWeights& weights) {
  const std::string prefix = "model.visual.merger.";
  const int64_t out = config.out_hidden_size;
  const int64_t inner = config.intermediate_size;
  weights.merger_proj = loader.Linear({{prefix + "proj", out, false}}, out);
  weights.merger_norm_weight = loader.Get(prefix + "post_projection_norm.weight", {out});
  weights.merger_norm_bias = loader.Get(prefix + "post_projection_norm.bias", {out});
  weights.merger_gate_up = loader.Linear(
      {{prefix + "gate_proj", inner, false}, {prefix + "up_proj", inner, false}}, out);
  weights.merger_down = loader.Linear({{prefix + "down_proj", out, false}}, inner);
}

VisionWeights LoadVision(WeightLoader& loader, const VisionConfig& config) {
  VisionWeights weights;
  weights.patch_embed = LoadPatchEmbed(loader, config);
  weights.post_conv_norm =
      loader.Get("model.visual.post_conv_layernorm.weight", {config.hidden_size});
  weights.positions = loader.Get("model.visual.embeddings.position_embedding.weight",
                                 {config.position_side * config.position_side, config.hidden_size});
  for (int64_t i = 0; i < config.depth && loader.status().ok(); ++i) {
    weights.blocks.push_back(LoadVisionBlock(loader, config, i));
  }
  weights.post_norm = loader.Get("model.visual.post_layernorm.weight", {config.hidden_size});
  weights.downsample = LoadDownsample(loader, config);
  LoadMerger(loader, config, weights);
  return weights;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelWeights>> ModelWeights::Load(const std::string& model_dir,
                                                                 const ModelConfig& config,
                                                                 at::ScalarType type, Ops& ops) {
  GLYPH_ASSIGN_OR_RETURN(std::unique_ptr<Weights> file, Weights::Open(model_dir));
  return Load(std::move(file), config, type, ops);
}

absl::StatusOr<std::unique_ptr<ModelWeights>> ModelWeights::Load(std::unique_ptr<Weights> file,
                                                                 const ModelConfig& config,
                                                                 at::ScalarType type, Ops& ops) {
  auto weights = std::unique_ptr<ModelWeights>(new ModelWeights());
  weights->file_ = std::move(file);
  WeightLoader loader(*weights->file_, type, ops);
  try {
    weights->text_ = LoadText(loader, config);
    weights->vision_ = LoadVision(loader, config.vision);
    ops.Synchronize();
  } catch (const std::exception& error) {
    base::LogError("weights_not_loaded", {{"cause", CauseOf(error)}});
    return absl::InternalError("the weights could not be loaded; the log says why");
  }
  // First: a damaged file explains what else is wrong.
  GLYPH_RETURN_IF_ERROR(weights->file_->AwaitChecks());
  GLYPH_RETURN_IF_ERROR(loader.status());
  weights->num_parameters_ = weights->file_->num_parameters();
  weights->num_bytes_ = loader.num_bytes();
  if (!loader.maps_file()) {
    weights->file_.reset();
  }
  return weights;
}

}  // namespace glyph::vlm
