#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "vlm_service/engine/step_executor.h"
#include "vlm_service/prompt/page_image.h"
#include "vlm_service/prompt/prompt.h"

namespace glyph::vlm {

// One prompt and how far to answer it.
struct GenerationRequest {
  std::shared_ptr<const Prompt> prompt;
  std::vector<std::shared_ptr<const PageImage>> pages;  // prompt->pages one to one
  SamplingParams sampling;
  int32_t max_new_tokens = 0;            // at least 1
  std::span<const int32_t> stop_tokens;  // the one that ends the answer is part of it
  bool return_logits = false;
  int64_t chunk_tokens = 0;  // prompt tokens of a step; 0: the whole prompt
};

struct GenerationResult {
  std::vector<int32_t> output_ids;
  std::vector<std::vector<float>> logits;  // [output_ids], with return_logits
  double vision_ms = 0;
  double prefill_ms = 0;
  double decode_ms = 0;
};

// Image tokens of a prompt's pages.
int64_t VisionTokens(const Prompt& prompt);

// The `count` tokens of a prompt from `first` on as work for a slot; page i of the prompt is
// pages[i]. It samples when it ends the prompt.
PrefillChunk ChunkOf(const Prompt& prompt, int64_t first, int64_t count, SequenceSlot slot,
                     std::span<const PageId> pages);

// Answers one request on an idle executor, a step at a time, without an engine: uses slot 0, blocks
// and page ids from 0. All pages are encoded in the first step. Errors are the executor's;
// OUT_OF_RANGE when the request exceeds its limits; INTERNAL when the logits held NaN.
absl::StatusOr<GenerationResult> Generate(const GenerationRequest& request, StepExecutor& executor);

}  // namespace glyph::vlm
