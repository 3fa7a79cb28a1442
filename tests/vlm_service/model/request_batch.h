#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "vlm_service/engine/step_executor.h"
#include "vlm_service/prompt/page_image.h"
#include "vlm_service/prompt/prompt.h"

namespace glyph::vlm {

struct BatchRequest {
  std::shared_ptr<const Prompt> prompt;
  std::vector<std::shared_ptr<const PageImage>> pages;
  SamplingParams sampling = {};
  int32_t max_new_tokens = 1;
  std::vector<int32_t> stop_tokens = {};
  bool return_logits = false;
};

struct BatchAnswer {
  std::vector<int32_t> output_ids;
  std::vector<std::vector<float>> logits;  // with return_logits
};

// Answers requests on an idle executor, many at once, by a hand-written loop: each step admits the
// next waiting request, when a slot and blocks are free, reads `chunk_tokens` of every unread
// prompt (0: all of it) and decodes the others. Answers are in the order of the requests. Fails the
// test when a step fails or a logit is not finite.
std::vector<BatchAnswer> AnswerTogether(StepExecutor& executor,
                                        const std::vector<BatchRequest>& requests,
                                        int64_t chunk_tokens = 0);

// The same, one request after another.
std::vector<BatchAnswer> AnswerAlone(StepExecutor& executor,
                                     const std::vector<BatchRequest>& requests);

}  // namespace glyph::vlm
