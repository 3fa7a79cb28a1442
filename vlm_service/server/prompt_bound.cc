#include "vlm_service/server/prompt_bound.h"

#include <algorithm>
#include <variant>
#include <vector>

namespace glyph::vlm {
namespace {

// A bound from the texts' true tokens: each page group is cut out by one page of one token, so that
// texts on both sides of it are tokenised apart, as they will be.
int64_t TokenisedBound(const ValidStart& start, const PageReceiver& pages,
                       const PromptBuilder& prompts) {
  std::vector<PromptPiece> pieces = pages.pieces();
  for (PromptPiece& piece : pieces) {
    if (auto* grids = std::get_if<std::vector<PageGrid>>(&piece)) *grids = {PageGrid{1, 1}};
  }
  return static_cast<int64_t>(prompts.Build(pieces).ids.size()) +
         PromptBuilder::MaxTokens(0, start.max_pages, start.max_visual_tokens);
}

}  // namespace

void SetTokenBounds(const ValidStart& start, const PageReceiver& pages,
                    const PromptBuilder& prompts, const ServedModel& model,
                    const SchedulerLimits& limits, Request& request) {
  int64_t prompt =
      PromptBuilder::MaxTokens(start.text_bytes, start.max_pages, start.max_visual_tokens);
  const int64_t output = start.generation.max_tokens.value_or(model.default_max_tokens);
  const int64_t room = std::min(limits.context_tokens, limits.pool_tokens());
  if (prompt + output > room && start.max_visual_tokens <= room) {
    prompt = std::min(prompt, TokenisedBound(start, pages, prompts));
  }
  request.max_prompt_tokens = prompt;
  request.max_visual_tokens = start.max_visual_tokens;
  request.max_output_tokens =
      start.generation.max_tokens.value_or(DefaultOutputTokens(prompt, output, limits));
}

}  // namespace glyph::vlm
