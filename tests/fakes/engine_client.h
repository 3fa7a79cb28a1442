#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/fakes/recording_sink.h"
#include "vlm_service/engine/engine.h"
#include "vlm_service/prompt/prompt_builder.h"

namespace glyph::vlm {

// A page of `png` as the renderer sends it: gray, its key all zero. CHECK-fails on a bad file.
PageImage ReadRenderedPage(const std::string& png);

// What a client asks of the engine: pages, then text.
struct EngineQuestion {
  std::vector<std::shared_ptr<const PageImage>> pages;  // rendered
  std::string text;
  SamplingParams sampling;
  int64_t max_tokens = 1;
  int32_t num_samples = 1;
  std::vector<int32_t> forced;
};

// Asks an engine as a Generate call does: page by page, pixels only where they are asked for.
// Returns once the prompt is sent; `sink` hears the rest. CHECK-fails when the engine refuses.
void Ask(Engine& engine, const PromptBuilder& prompts, const std::string& request_id,
         const EngineQuestion& question, const std::shared_ptr<RecordingSink>& sink);

}  // namespace glyph::vlm
