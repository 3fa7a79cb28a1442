// glyph-generate: model folder, pages and prompt in, greedy token ids out. The core without
// services.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "nlohmann/json.hpp"
#include "vlm_service/model/model_config.h"
#include "vlm_service/model/model_executor.h"
#include "vlm_service/tokenizer/tokenizer.h"
#include "vlm_service/tools/generation.h"
#include "vlm_service/tools/generation_request.h"
#include "vlm_service/tools/npy_file.h"

namespace glyph::vlm {
namespace {

// sysexits.h
constexpr int kExitUsage = 64;
constexpr int kExitDataError = 65;
constexpr int kExitNoInput = 66;
constexpr int kExitUnavailable = 69;
constexpr int kExitSoftware = 70;
constexpr int kExitCannotCreate = 73;
constexpr int kExitConfig = 78;

struct Flags {
  std::string model;
  std::vector<std::string> pages;
  std::string prompt;
  int32_t max_new_tokens = 0;
  int64_t chunk_tokens = 0;
  std::string logits;
  std::string dtype = "float32";
  std::string device = "cpu";
  int threads = 0;
};

int Fail(int code, const absl::Status& status) {
  std::fprintf(stderr, "glyph-generate: %s\n", std::string(status.message()).c_str());
  return code;
}

// Memory for this one request.
ExecutorOptions OptionsFor(const Flags& flags, const GenerationRequest& request) {
  ExecutorOptions options;
  options.device = flags.device == "cuda" ? ModelDevice::kCuda : ModelDevice::kCpu;
  options.dtype = flags.dtype == "bfloat16" ? ModelDType::kBFloat16 : ModelDType::kFloat32;
  options.max_slots = 1;
  options.kv_tokens =
      static_cast<int64_t>(request.prompt->ids.size()) + int64_t{request.max_new_tokens};
  options.max_vision_tokens = 2 * VisionTokens(*request.prompt);  // a page may have half
  options.max_chunk_tokens = request.chunk_tokens > 0
                                 ? request.chunk_tokens
                                 : static_cast<int64_t>(request.prompt->ids.size());
  options.num_threads = flags.threads;
  return options;
}

int Run(const Flags& flags) {
  if (!std::filesystem::is_directory(flags.model)) {
    return Fail(kExitNoInput, absl::NotFoundError("--model is no folder; name a model folder"));
  }
  const absl::StatusOr<ModelConfig> config = LoadModelConfig(flags.model);
  if (!config.ok()) return Fail(kExitConfig, config.status());
  absl::StatusOr<std::unique_ptr<Tokenizer>> loaded = Tokenizer::Load(flags.model);
  if (!loaded.ok()) return Fail(kExitConfig, loaded.status());
  const std::shared_ptr<const Tokenizer> tokenizer = *std::move(loaded);
  absl::StatusOr<GenerationRequest> request =
      MakeRequest(flags.pages, flags.prompt, *config, tokenizer);
  if (absl::IsNotFound(request.status())) return Fail(kExitNoInput, request.status());
  if (!request.ok()) return Fail(kExitDataError, request.status());
  request->max_new_tokens = flags.max_new_tokens;
  request->chunk_tokens = flags.chunk_tokens;
  request->return_logits = !flags.logits.empty();
  const auto executor = ModelExecutor::Create(flags.model, *config, OptionsFor(flags, *request));
  if (absl::IsUnimplemented(executor.status())) return Fail(kExitUnavailable, executor.status());
  if (!executor.ok()) return Fail(kExitConfig, executor.status());
  const absl::StatusOr<GenerationResult> result = Generate(*request, **executor);
  if (absl::IsOutOfRange(result.status())) return Fail(kExitDataError, result.status());
  if (!result.ok()) return Fail(kExitSoftware, result.status());
  if (request->return_logits) {
    if (const absl::Status written = WriteNpy(flags.logits, result->logits); !written.ok()) {
      return Fail(kExitCannotCreate, written);
    }
  }
  const nlohmann::json output = {
      {"prompt_ids", request->prompt->ids},
      {"output_ids", result->output_ids},
      {"text", tokenizer->Decode(result->output_ids, /*skip_special=*/true)},
      {"vision_ms", result->vision_ms},
      {"prefill_ms", result->prefill_ms},
      {"decode_ms", result->decode_ms},
  };
  std::printf("%s\n", output.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace glyph::vlm

int main(int argc, char** argv) {
  glyph::vlm::Flags flags;
  CLI::App app("Answers one prompt over PNG pages greedily; prints JSON.", "glyph-generate");
  app.set_version_flag("--version", GLYPH_VERSION);
  app.add_option("--model", flags.model, "Model folder in the Hugging Face layout")->required();
  app.add_option("--page", flags.pages, "PNG file; may be given several times")
      ->allow_extra_args(false);
  app.add_option("--prompt", flags.prompt, "Text after the pages")->required();
  app.add_option("--max-new-tokens", flags.max_new_tokens, "Longest answer, tokens")
      ->required()
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--prefill-chunk", flags.chunk_tokens, "Prompt tokens of a step; 0: all")
      ->check(CLI::Range(0, 1 << 24));
  app.add_option("--logits", flags.logits, "NumPy file of float32 [num_output_tokens, vocab_size]");
  app.add_option("--dtype", flags.dtype)->check(CLI::IsMember({"float32", "bfloat16"}));
  app.add_option("--device", flags.device)->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--threads", flags.threads, "0: one for each core")->check(CLI::Range(0, 1024));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : glyph::vlm::kExitUsage;
  }
  return glyph::vlm::Run(flags);
}
