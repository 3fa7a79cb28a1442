#include "vlm_service/model/config_sections.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace glyph::vlm {
namespace {

constexpr int64_t kMaxSize = 1 << 24;  // of any one dimension
constexpr int64_t kMaxLayers = 1 << 10;
constexpr double kMaxTheta = 1e12;

// The only activation this server implements.
void RequireSilu(const JsonFields& fields) {
  const std::string act = fields.String("hidden_act", "silu");
  if (act != "silu" && act != "swish") {
    fields.Fail("hidden_act", "\"silu\"");
  }
}

// hidden_size / num_heads, where it divides.
int64_t HeadDim(const JsonFields& fields, const std::string& heads_key, int64_t hidden,
                int64_t heads) {
  if (hidden % heads != 0) {
    fields.Fail(heads_key, absl::StrCat("a divisor of hidden_size ", hidden));
    return 1;
  }
  return hidden / heads;
}

// The dictionary that counts: rope_scaling, when it says anything, replaces rope_parameters
// (RotaryEmbeddingConfigMixin.convert_rope_params_to_dict).
JsonFields RopeFields(const JsonFields& fields) {
  return fields.Has("rope_scaling") ? fields.Object("rope_scaling")
                                    : fields.Object("rope_parameters");
}

void RequireRopeType(const JsonFields& rope, std::initializer_list<const char*> allowed) {
  const char* key = rope.Has("rope_type") ? "rope_type" : "type";
  const std::string type = rope.String(key, "default");
  if (std::find(allowed.begin(), allowed.end(), type) == allowed.end()) {
    rope.Fail(key, absl::StrCat("\"", *allowed.begin(), "\""));
  }
}

void ReadTextRope(const JsonFields& fields, TextConfig& config) {
  const JsonFields rope = RopeFields(fields);
  RequireRopeType(rope, {"default"});
  config.rope_theta =
      rope.Number("rope_theta", fields.Number("rope_theta", 10000.0, 1, kMaxTheta), 1, kMaxTheta);
  const double factor =
      rope.Number("partial_rotary_factor", fields.Number("partial_rotary_factor", 1.0, 0, 1), 0, 1);
  const int64_t head_dim = fields.Int("head_dim", config.head_dim, 1, kMaxSize);
  config.rotary_dim = static_cast<int64_t>(static_cast<double>(head_dim) * factor);
  config.mrope_sections = rope.Ints("mrope_section", {8, 12, 12});
  const auto& sections = config.mrope_sections;
  const int64_t sum = std::accumulate(sections.begin(), sections.end(), int64_t{0});
  const bool negative = std::any_of(sections.begin(), sections.end(), [](int n) { return n < 0; });
  if (config.rotary_dim % 2 != 0 || config.rotary_dim < 2 || config.rotary_dim > config.head_dim) {
    rope.Fail("partial_rotary_factor", absl::StrCat("a factor that rotates an even part of the ",
                                                    config.head_dim, " values of a head"));
  } else if (sum * 2 != config.rotary_dim || negative) {
    rope.Fail("mrope_section",
              absl::StrCat("counts of frequencies that sum to ", config.rotary_dim / 2));
  }
}

}  // namespace

TextConfig ReadTextConfig(const JsonFields& fields) {
  TextConfig config;
  RequireSilu(fields);
  config.vocab_size = fields.Int("vocab_size", 151552, 1, kMaxSize);
  config.hidden_size = fields.Int("hidden_size", 4096, 1, kMaxSize);
  config.intermediate_size = fields.Int("intermediate_size", 13696, 1, kMaxSize);
  config.num_layers = fields.Int("num_hidden_layers", 40, 1, kMaxLayers);
  config.num_heads = fields.Int("num_attention_heads", 32, 1, kMaxSize);
  // The class default is 2; an explicit null means as many as query heads.
  config.num_kv_heads = fields.IsNull("num_key_value_heads")
                            ? config.num_heads
                            : fields.Int("num_key_value_heads", 2, 1, kMaxSize);
  if (config.num_heads % config.num_kv_heads != 0) {
    fields.Fail("num_key_value_heads",
                absl::StrCat("a divisor of num_attention_heads ", config.num_heads));
  }
  config.head_dim = HeadDim(fields, "num_attention_heads", config.hidden_size, config.num_heads);
  config.attention_bias = fields.Bool("attention_bias", true);
  config.rms_norm_eps = fields.Number("rms_norm_eps", 1e-5, 0, 1);
  config.max_position_embeddings = fields.Int("max_position_embeddings", 32768, 1, kMaxSize);
  ReadTextRope(fields, config);
  return config;
}

VisionConfig ReadVisionConfig(const JsonFields& fields) {
  VisionConfig config;
  RequireSilu(fields);
  config.depth = fields.Int("depth", 24, 1, kMaxLayers);
  config.hidden_size = fields.Int("hidden_size", 1536, 1, kMaxSize);
  const char* heads_key = fields.Has("num_heads") ? "num_heads" : "num_attention_heads";
  config.num_heads = fields.Int(heads_key, 12, 1, kMaxSize);
  config.head_dim = HeadDim(fields, heads_key, config.hidden_size, config.num_heads);
  if (config.head_dim % 4 != 0) {
    fields.Fail(heads_key, "heads of a multiple of 4 values, for rotation by row and column");
  }
  config.intermediate_size = fields.Int("intermediate_size", 13696, 1, kMaxSize);
  config.out_hidden_size = fields.Int("out_hidden_size", 4096, 1, kMaxSize);
  config.in_channels = fields.Int("in_channels", 3, 3, 3);
  config.patch_size = fields.Int("patch_size", 14, 1, 256);
  config.temporal_patch_size = fields.Int("temporal_patch_size", 2, 1, 16);
  config.merge_size = fields.Int("spatial_merge_size", 2, 1, 16);
  config.position_side = fields.Int("image_size", 336, 1, kMaxSize) / config.patch_size;
  if (config.position_side < 1) {
    fields.Fail("image_size", "at least patch_size");
  }
  config.attention_bias = fields.Bool("attention_bias", false);
  config.rms_norm_eps = fields.Number("rms_norm_eps", 1e-5, 0, 1);
  const JsonFields rope = RopeFields(fields);
  RequireRopeType(rope, {"axial", "default"});  // old files say default and mean axial
  config.rope_theta =
      rope.Number("rope_theta", fields.Number("rope_theta", 10000.0, 1, kMaxTheta), 1, kMaxTheta);
  return config;
}

GenerationDefaults ReadGenerationDefaults(const JsonFields& fields) {
  GenerationDefaults defaults;
  // GenerationConfig: do_sample is false unless said; sampling starts from 1.0, 50, 1.0.
  if (fields.Bool("do_sample", false)) {
    defaults.temperature = static_cast<float>(fields.Number("temperature", 1.0, 0, 100));
    defaults.top_k = static_cast<int32_t>(fields.Int("top_k", 50, 0, kMaxSize));
    defaults.top_p = static_cast<float>(fields.Number("top_p", 1.0, 0, 1));
  } else {
    defaults.temperature = 0.0f;
  }
  if (fields.Has("repetition_penalty")) {
    defaults.repetition_penalty =
        static_cast<float>(fields.Number("repetition_penalty", 1.0, 1e-3, 100));
  }
  if (fields.Has("max_new_tokens")) {
    defaults.max_new_tokens = static_cast<int32_t>(fields.Int("max_new_tokens", 1, 1, INT32_MAX));
  }
  return defaults;
}

namespace {

std::array<double, 3> ReadChannels(const JsonFields& fields, const std::string& key,
                                   std::vector<double> fallback) {
  const std::vector<double> values = fields.Numbers(key, fallback);
  if (values.size() != 3) {
    fields.Fail(key, "three numbers");
    return {1, 1, 1};
  }
  return {values[0], values[1], values[2]};
}

}  // namespace

void ReadPreprocessor(const JsonFields& fields, ModelConfig& config) {
  for (const char* step : {"do_resize", "do_rescale", "do_normalize"}) {
    if (!fields.Bool(step, true)) {
      fields.Fail(step, "true");
    }
  }
  constexpr int64_t kBicubic = 3;
  fields.Int("resample", kBicubic, kBicubic, kBicubic);
  config.pages.patch_px = static_cast<int32_t>(fields.Int("patch_size", 14, 1, 256));
  config.pages.merge = static_cast<int32_t>(fields.Int("merge_size", 2, 1, 16));
  config.pages.temporal_patch = static_cast<int32_t>(fields.Int("temporal_patch_size", 2, 1, 16));
  const JsonFields size = fields.Object("size");
  // Both edges or neither: half a size would silently mix the file with the class default.
  for (const char* key : {"shortest_edge", "longest_edge"}) {
    if (fields.Has("size") && !size.Has(key)) {
      size.Fail(key, "a number of pixels");
    }
  }
  constexpr int64_t kMaxPixels = int64_t{1} << 40;
  config.pages.min_pixels = size.Int("shortest_edge", int64_t{112} * 112, 1, kMaxPixels);
  config.pages.max_pixels = size.Int("longest_edge", int64_t{28} * 28 * 15000, 1, kMaxPixels);
  config.pixels.rescale_factor = fields.Number("rescale_factor", 1.0 / 255, 1e-9, 1e9);
  config.pixels.mean = ReadChannels(fields, "image_mean", {0.48145466, 0.4578275, 0.40821073});
  config.pixels.std = ReadChannels(fields, "image_std", {0.26862954, 0.26130258, 0.27577711});
  if (std::count(config.pixels.std.begin(), config.pixels.std.end(), 0.0) > 0) {
    fields.Fail("image_std", "numbers other than 0");
  }
}

}  // namespace glyph::vlm
