#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "vlm_service/engine/golden_answer.h"
#include "vlm_service/engine/step_executor.h"
#include "vlm_service/engine/step_loop.h"
#include "vlm_service/prompt/prompt_builder.h"
#include "vlm_service/server/served_model.h"

namespace glyph::vlm {

// Image tokens of the largest page that may come (page.proto).
inline constexpr int64_t kLargestPageTokens = 16777216 / (28 * 28);

// How to load a model.
struct ModelFlags {
  std::string folder;
  std::string device = "cpu";     // "cpu", "cuda"
  std::string dtype = "float32";  // "float32", "bfloat16"
  // 0: on the processor 65,536, or what 1 GiB holds if that is less; on a GPU what fits.
  int64_t kv_tokens = 0;
  int32_t max_running = 32;
  int64_t max_page_tokens = kLargestPageTokens;  // image tokens of a page
  int num_threads = 0;                           // 0: one for each core
  // On a GPU.
  int64_t gpu_memory_budget = 0;  // bytes; 0: all that is free
  int64_t max_chunk_tokens = 1024;
};

// A model folder, ready to serve.
struct LoadedModel {
  ServedModel served;
  TokenMeaning tokens;
  std::unique_ptr<const PromptBuilder> prompts;
  std::unique_ptr<StepExecutor> executor;
  GoldenAnswer golden;  // for its self-test
};

// Loads everything of a folder: the one place where model/ meets engine/ and server/. The message
// of an error names file and value or tensor.
absl::StatusOr<LoadedModel> LoadModelFolder(const ModelFlags& flags);

}  // namespace glyph::vlm
