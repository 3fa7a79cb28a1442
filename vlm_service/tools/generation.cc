#include "vlm_service/tools/generation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

constexpr SequenceSlot kSlot{0};

absl::Status CheckLimits(const GenerationRequest& request, const ExecutorLimits& limits) {
  const auto tokens =
      static_cast<int64_t>(request.prompt->ids.size()) + int64_t{request.max_new_tokens};
  if (tokens > limits.context_tokens) {
    return absl::OutOfRangeError(
        absl::StrCat("prompt and answer are ", tokens, " tokens; the model's context is ",
                     limits.context_tokens, ": give fewer pages or a smaller --max-new-tokens"));
  }
  if (BlocksFor(request, limits.block_tokens) > limits.num_blocks ||
      VisionTokens(*request.prompt) > limits.max_vision_tokens) {
    return absl::OutOfRangeError(
        absl::StrCat("prompt and answer of ", tokens, " tokens exceed the executor's memory"));
  }
  return absl::OkStatus();
}

// Encodes every page, then reads the prompt.
StepPlan FirstStep(const GenerationRequest& request, int32_t block_tokens) {
  StepPlan plan;
  PrefillWork prefill = {.slot = kSlot,
                         .prompt = request.prompt,
                         .pages = {},
                         .blocks = {},
                         .sampling = request.sampling,
                         .return_logits = request.return_logits};
  for (size_t i = 0; i < request.pages.size(); ++i) {
    const PageId page{static_cast<int64_t>(i)};
    plan.vision.push_back(
        {.page = page, .image = request.pages[i], .grid = request.prompt->pages[i].grid});
    prefill.pages.push_back(page);
  }
  for (int32_t block = 0; block < BlocksFor(request, block_tokens); ++block) {
    prefill.blocks.push_back(BlockId{block});
  }
  plan.prefill.push_back(std::move(prefill));
  return plan;
}

// Feeds output token number `index` - 1 and asks for number `index`.
StepPlan NextStep(const Prompt& prompt, int32_t index) {
  StepPlan plan;
  plan.decode.push_back({.slot = kSlot,
                         .kv_length = static_cast<int64_t>(prompt.ids.size()) + index - 1,
                         .position = prompt.next_position + index - 1});
  return plan;
}

// Leaves the executor idle again.
StepPlan LastStep(size_t num_pages) {
  StepPlan plan;
  plan.released_slots.push_back(kSlot);
  for (size_t i = 0; i < num_pages; ++i) {
    plan.released_pages.push_back(PageId{static_cast<int64_t>(i)});
  }
  return plan;
}

}  // namespace

int32_t BlocksFor(const GenerationRequest& request, int32_t block_tokens) {
  const auto tokens = static_cast<int32_t>(request.prompt->ids.size()) + request.max_new_tokens;
  return (tokens + block_tokens - 1) / block_tokens;
}

int64_t VisionTokens(const Prompt& prompt) {
  int64_t tokens = 0;
  for (const PromptPage& page : prompt.pages) {
    tokens += page.grid.num_tokens();
  }
  return tokens;
}

absl::StatusOr<GenerationResult> Generate(const GenerationRequest& request,
                                          StepExecutor& executor) {
  GLYPH_RETURN_IF_ERROR(CheckLimits(request, executor.limits()));
  GenerationResult result;
  executor.Submit(FirstStep(request, executor.limits().block_tokens));
  bool stopped = false;
  while (true) {
    GLYPH_ASSIGN_OR_RETURN(StepResult step, executor.Collect());
    result.vision_ms += step.vision_ms;
    result.prefill_ms += step.prefill_ms;
    result.decode_ms += step.decode_ms;
    if (stopped) return result;
    SampledToken& sampled = step.tokens.front();
    if (!sampled.finite) {
      return absl::InternalError("the model's logits are not finite; its weights may be damaged");
    }
    result.output_ids.push_back(sampled.token);
    if (request.return_logits) {
      result.logits.push_back(std::move(sampled.logits));
    }
    const auto count = static_cast<int32_t>(result.output_ids.size());
    stopped = count == request.max_new_tokens ||
              std::count(request.stop_tokens.begin(), request.stop_tokens.end(), sampled.token) > 0;
    executor.Submit(stopped ? LastStep(request.pages.size()) : NextStep(*request.prompt, count));
  }
}

}  // namespace glyph::vlm
