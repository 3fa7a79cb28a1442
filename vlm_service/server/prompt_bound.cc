#include "vlm_service/server/prompt_bound.h"

#include <algorithm>
#include <vector>

#include "vlm_service/scheduler/admission.h"

namespace glyph::vlm {
namespace {

// A bound from the texts' true tokens: each page group is cut out by one page of one token, so that
// texts on both sides of it are tokenised apart, as they will be.
int64_t TokenisedBound(const v1::GenerateStart& start, const ValidStart& valid,
                       const PromptBuilder& prompts) {
  std::vector<PromptPiece> pieces;
  for (const v1::PromptPart& part : start.parts()) {
    if (part.has_pages()) {
      pieces.emplace_back(std::vector<PageGrid>{{1, 1}});
    } else {
      pieces.emplace_back(part.text());
    }
  }
  return static_cast<int64_t>(prompts.Build(pieces).ids.size()) +
         PromptBuilder::MaxTokens(0, valid.max_pages, valid.max_visual_tokens);
}

}  // namespace

void SetTokenBounds(const v1::GenerateStart& start, const ValidStart& valid,
                    const PromptBuilder& prompts, const ServedModel& model,
                    const ExecutorLimits& limits, Request& request) {
  int64_t prompt =
      PromptBuilder::MaxTokens(valid.text_bytes, valid.max_pages, valid.max_visual_tokens);
  const int64_t output = valid.generation.max_tokens.value_or(model.default_max_tokens);
  const int64_t room = std::min(limits.context_tokens, limits.pool_tokens());
  if (prompt + output > room && valid.max_visual_tokens <= room) {
    prompt = std::min(prompt, TokenisedBound(start, valid, prompts));
  }
  request.max_prompt_tokens = prompt;
  request.max_output_tokens =
      valid.generation.max_tokens.value_or(DefaultOutputTokens(prompt, output, limits));
  // A resumed answer goes on by one token at least, or does not fit.
  request.max_output_tokens =
      std::max(request.max_output_tokens, int64_t{start.forced_output_ids_size()} + 1);
}

}  // namespace glyph::vlm
