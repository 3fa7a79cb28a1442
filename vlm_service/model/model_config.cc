#include "vlm_service/model/model_config.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/base/json.h"
#include "proto/rpc/error.h"
#include "vlm_service/model/config_sections.h"

namespace glyph::vlm {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxTokenId = 1 << 24;
constexpr size_t kMaxFileBytes = 1 << 20;

// The file's text; nullopt when there is no such file.
absl::StatusOr<std::optional<std::string>> ReadFile(const std::filesystem::path& dir,
                                                    const std::string& file) {
  const std::filesystem::path path = dir / file;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;
  if (std::filesystem::file_size(path, error) > kMaxFileBytes || error) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, " is larger than the limit of ", kMaxFileBytes, " bytes"));
  }
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) {
    return absl::InvalidArgumentError(absl::StrCat(file, " cannot be read"));
  }
  return std::move(text).str();
}

absl::StatusOr<Json> Parse(const std::string& file, const std::string& text) {
  absl::StatusOr<Json> json = base::ParseJson(text, {.max_bytes = kMaxFileBytes});
  if (!json.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": ", json.status().message()));
  }
  if (!json->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": an object is expected"));
  }
  return json;
}

// A JSON file of the folder; null when absent and not required.
absl::StatusOr<Json> ReadJson(const std::filesystem::path& dir, const std::string& file,
                              bool required) {
  GLYPH_ASSIGN_OR_RETURN(const std::optional<std::string> text, ReadFile(dir, file));
  if (text.has_value()) return Parse(file, *text);
  if (!required) return Json();
  return absl::NotFoundError(absl::StrCat(
      file, " is missing; the model folder must be in the Hugging Face layout of a glm4v model"));
}

// A sub-config under its own key, or flat in the root as the oldest files have it.
JsonFields Section(const JsonFields& root, const std::string& key) {
  return root.Has(key) ? root.Object(key) : root;
}

void ReadRoot(const JsonFields& root, ModelConfig& config) {
  if (root.String("model_type", "glm4v") != "glm4v") {
    root.Fail("model_type", "\"glm4v\"");
  }
  const JsonFields text = Section(root, "text_config");
  config.text = ReadTextConfig(text);
  config.vision = ReadVisionConfig(Section(root, "vision_config"));
  config.tie_word_embeddings =
      root.Bool("tie_word_embeddings", false) || text.Bool("tie_word_embeddings", false);
  const auto id = [&](const std::string& key, int64_t fallback) {
    return static_cast<int32_t>(root.Int(key, fallback, 0, kMaxTokenId));
  };
  config.image_token_id = id("image_token_id", 151343);
  config.image_start_token_id = id("image_start_token_id", 151339);
  config.image_end_token_id = id("image_end_token_id", 151340);
  config.stop_token_ids = root.Ints("eos_token_id", text.Ints("eos_token_id", {}));
  if (config.image_token_id >= config.text.vocab_size) {
    root.Fail("image_token_id", absl::StrCat("less than vocab_size ", config.text.vocab_size));
  }
  if (config.vision.out_hidden_size != config.text.hidden_size) {
    Section(root, "vision_config")
        .Fail("out_hidden_size",
              absl::StrCat("the text model's hidden_size ", config.text.hidden_size));
  }
}

// The image processor's settings: nested in processor_config.json as transformers 5 writes them,
// which then counts, or the file of their own.
absl::Status ReadPreprocessing(const std::filesystem::path& dir, ModelConfig& config) {
  std::string file = "processor_config.json";
  GLYPH_ASSIGN_OR_RETURN(Json json, ReadJson(dir, file, /*required=*/false));
  if (json.contains("image_processor")) {
    Json nested = std::move(json["image_processor"]);
    json = std::move(nested);
  } else {
    file = "preprocessor_config.json";
    GLYPH_ASSIGN_OR_RETURN(json, ReadJson(dir, file, /*required=*/true));
  }
  absl::Status status;
  const JsonFields fields(json, absl::StrCat(file, ": "), status);
  ReadPreprocessor(fields, config);
  const auto require = [&](const std::string& key, int64_t value, int64_t expected) {
    if (value != expected) {
      fields.Fail(key, absl::StrCat(expected, ", as config.json has it"));
    }
  };
  require("patch_size", config.pages.patch_px, config.vision.patch_size);
  require("merge_size", config.pages.merge, config.vision.merge_size);
  require("temporal_patch_size", config.pages.temporal_patch, config.vision.temporal_patch_size);
  return status;
}

absl::Status ReadGeneration(const std::filesystem::path& dir, ModelConfig& config) {
  GLYPH_ASSIGN_OR_RETURN(const Json json,
                         ReadJson(dir, "generation_config.json", /*required=*/false));
  if (json.is_null()) return absl::OkStatus();
  absl::Status status;
  const JsonFields fields(json, "generation_config.json: ", status);
  config.generation = ReadGenerationDefaults(fields);
  config.stop_token_ids = fields.Ints("eos_token_id", config.stop_token_ids);
  return status;
}

}  // namespace

absl::StatusOr<ModelConfig> LoadModelConfig(const std::string& model_dir) {
  const std::filesystem::path dir(model_dir);
  ModelConfig config;
  config.name = (dir / "").parent_path().filename().string();
  GLYPH_ASSIGN_OR_RETURN(const Json root, ReadJson(dir, "config.json", /*required=*/true));
  absl::Status status;
  ReadRoot(JsonFields(root, "config.json: ", status), config);
  GLYPH_RETURN_IF_ERROR(status);
  GLYPH_RETURN_IF_ERROR(ReadPreprocessing(dir, config));
  GLYPH_RETURN_IF_ERROR(ReadGeneration(dir, config));
  GLYPH_ASSIGN_OR_RETURN(std::optional<std::string> profile, ReadFile(dir, "render_profile.json"));
  config.render_profile_json = std::move(profile).value_or("");
  GLYPH_ASSIGN_OR_RETURN(config.self_test_json, ReadFile(dir, "self_test.json"));
  return config;
}

}  // namespace glyph::vlm
