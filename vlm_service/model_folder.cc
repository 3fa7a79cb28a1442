#include "vlm_service/model_folder.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "vlm_service/model/golden_answer_file.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/model/model_executor.h"
#include "vlm_service/model/page_fitting.h"
#include "vlm_service/tokenizer/tokenizer.h"

namespace glyph::vlm {
namespace {

constexpr int64_t kDefaultKvTokens = 65536;
constexpr int64_t kDefaultKvBytes = int64_t{1} << 30;
constexpr std::chrono::seconds kGpuStepLimit(20);  // far above any step of a GPU that works

int64_t KvTokens(const ModelFlags& flags, const TextConfig& text) {
  if (flags.kv_tokens > 0) return flags.kv_tokens;
  const int64_t value_bytes = flags.dtype == "float32" ? 4 : 2;
  const int64_t token_bytes = 2 * text.num_layers * text.num_kv_heads * text.head_dim * value_bytes;
  return std::min(kDefaultKvTokens, kDefaultKvBytes / token_bytes);
}

ExecutorOptions OptionsFor(const ModelFlags& flags, const TextConfig& text) {
  const bool on_gpu = flags.device == "cuda";
  ExecutorOptions options;
  options.device = on_gpu ? ModelDevice::kCuda : ModelDevice::kCpu;
  options.dtype = flags.dtype == "float32" ? ModelDType::kFloat32 : ModelDType::kBFloat16;
  options.max_slots = flags.max_running;
  options.kv_tokens = on_gpu ? flags.kv_tokens : KvTokens(flags, text);
  const int64_t longest = on_gpu ? text.max_position_embeddings : options.kv_tokens;
  options.max_vision_tokens = 2 * std::min(flags.max_page_tokens, longest);
  options.gpu_memory_budget = flags.gpu_memory_budget;
  options.max_chunk_tokens = flags.max_chunk_tokens;
  if (on_gpu) options.step_limit = kGpuStepLimit;
  options.num_threads = flags.num_threads;
  return options;
}

SamplingParams SamplingDefaults(const GenerationDefaults& defaults) {
  SamplingParams sampling;
  sampling.temperature = defaults.temperature.value_or(sampling.temperature);
  sampling.top_p = defaults.top_p.value_or(sampling.top_p);
  sampling.top_k = defaults.top_k.value_or(sampling.top_k);
  sampling.repetition_penalty = defaults.repetition_penalty.value_or(sampling.repetition_penalty);
  return sampling;
}

absl::StatusOr<ServedModel> Describe(const ModelFlags& flags, const ModelConfig& config,
                                     const ModelExecutor& executor) {
  ServedModel served;
  served.name = config.name;
  served.dtype = flags.dtype;
  served.device = flags.device;
  served.vocab_size = static_cast<int32_t>(config.text.vocab_size);
  served.context_tokens = executor.limits().context_tokens;
  served.num_parameters = executor.num_parameters();
  served.pages = config.pages;
  served.fit_page = [token_px = config.pages.token_px()](PageImage page, const PageGrid& grid) {
    return FitPage(std::move(page), grid, token_px);
  };
  served.stop_token_ids = config.stop_token_ids;
  served.render_profile_json = config.render_profile_json;
  GLYPH_ASSIGN_OR_RETURN(served.profile_fingerprint,
                         ProfileFingerprintOf(config.render_profile_json));
  served.default_sampling = SamplingDefaults(config.generation);
  served.default_max_tokens = config.generation.max_new_tokens.value_or(served.default_max_tokens);
  return served;
}

}  // namespace

absl::StatusOr<LoadedModel> LoadModelFolder(const ModelFlags& flags) {
  if (!std::filesystem::is_directory(flags.folder)) {
    return absl::NotFoundError(absl::StrCat("--model ", flags.folder, " is no folder"));
  }
  LoadedModel loaded;
  GLYPH_ASSIGN_OR_RETURN(const ModelConfig config, LoadModelConfig(flags.folder));
  if (config.self_test_json.has_value()) {
    GLYPH_ASSIGN_OR_RETURN(loaded.golden, ParseGoldenAnswer(*config.self_test_json, flags.dtype));
  }
  GLYPH_ASSIGN_OR_RETURN(std::shared_ptr<const Tokenizer> tokenizer, Tokenizer::Load(flags.folder));
  GLYPH_ASSIGN_OR_RETURN(loaded.prompts, PromptBuilder::Create(tokenizer));
  GLYPH_ASSIGN_OR_RETURN(
      auto executor, ModelExecutor::Create(flags.folder, config, OptionsFor(flags, config.text)));
  GLYPH_ASSIGN_OR_RETURN(loaded.served, Describe(flags, config, *executor));
  loaded.executor = std::move(executor);
  loaded.tokens.bytes = [tokenizer](int32_t id) { return tokenizer->TokenBytes(id); };
  loaded.tokens.stop_ids.insert(config.stop_token_ids.begin(), config.stop_token_ids.end());
  return loaded;
}

}  // namespace glyph::vlm
