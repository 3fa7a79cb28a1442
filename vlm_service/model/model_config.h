#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vlm_service/prompt/page_grid.h"

namespace glyph::vlm {

// The text decoder, from config.json's text_config. Every size is the file's or, where it is
// silent, the default of Hugging Face's Glm4vTextConfig.
struct TextConfig {
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_layers = 0;
  int64_t num_heads = 0;
  int64_t num_kv_heads = 0;  // divides num_heads
  int64_t head_dim = 0;      // hidden_size / num_heads
  bool attention_bias = true;
  double rms_norm_eps = 0;
  int64_t max_position_embeddings = 0;
  double rope_theta = 0;
  int64_t rotary_dim = 0;               // even, at most head_dim
  std::vector<int32_t> mrope_sections;  // frequencies, axes in turn; they sum to rotary_dim / 2
};

// The vision encoder, from vision_config.
struct VisionConfig {
  int64_t depth = 0;
  int64_t hidden_size = 0;
  int64_t num_heads = 0;
  int64_t head_dim = 0;           // hidden_size / num_heads, a multiple of 4
  int64_t intermediate_size = 0;  // of the merger
  int64_t out_hidden_size = 0;    // of the blocks' MLPs and of the output
  int64_t in_channels = 0;        // 3
  int64_t patch_size = 0;
  int64_t temporal_patch_size = 0;
  int64_t merge_size = 0;
  int64_t position_side = 0;  // the position table is position_side^2 rows
  bool attention_bias = false;
  double rms_norm_eps = 0;
  double rope_theta = 0;
  // Values of one patch: [in_channels, temporal_patch_size, patch_size, patch_size].
  int64_t patch_values() const {
    return in_channels * temporal_patch_size * patch_size * patch_size;
  }
};

// What generation_config.json recommends; absent where it is silent.
struct GenerationDefaults {
  std::optional<float> temperature;  // 0 when the file asks for greedy decoding
  std::optional<float> top_p;
  std::optional<int32_t> top_k;
  std::optional<float> repetition_penalty;
  std::optional<int32_t> max_new_tokens;
};

// (value - mean) / std, on bytes: value * rescale_factor is what mean and std are of.
struct PixelNormalisation {
  double rescale_factor = 0;
  std::array<double, 3> mean = {};
  std::array<double, 3> std = {};
};

// A model folder without its weights.
struct ModelConfig {
  std::string name;  // of the folder
  TextConfig text;
  VisionConfig vision;
  bool tie_word_embeddings = false;
  int32_t image_token_id = 0;
  int32_t image_start_token_id = 0;
  int32_t image_end_token_id = 0;
  std::vector<int32_t> stop_token_ids;
  GenerationDefaults generation;
  PageLimits pages;
  PixelNormalisation pixels;
  std::string render_profile_json;            // render_profile.json as it is; empty when absent
  std::optional<std::string> self_test_json;  // self_test.json as it is
};

// Reads config.json, generation_config.json (optional), preprocessor_config.json (or the nested
// form in processor_config.json), render_profile.json and self_test.json (optional). NOT_FOUND: a
// needed file is missing. INVALID_ARGUMENT: a value is missing, of the wrong type, out of range or
// of a kind this server does not implement (rope types, activations); the message names file, key
// and value.
absl::StatusOr<ModelConfig> LoadModelConfig(const std::string& model_dir);

}  // namespace glyph::vlm
