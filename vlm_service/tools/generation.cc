#include "vlm_service/tools/generation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

constexpr SequenceSlot kSlot{0};

int64_t NumTokens(const GenerationRequest& request) {
  return static_cast<int64_t>(request.prompt->ids.size()) + int64_t{request.max_new_tokens};
}

absl::Status CheckLimits(const GenerationRequest& request, const ExecutorLimits& limits) {
  const int64_t tokens = NumTokens(request);
  if (tokens > limits.context_tokens) {
    return absl::OutOfRangeError(
        absl::StrCat("prompt and answer are ", tokens, " tokens; the model's context is ",
                     limits.context_tokens, ": give fewer pages or a smaller --max-new-tokens"));
  }
  if (limits.BlocksFor(tokens) > limits.num_blocks ||
      VisionTokens(*request.prompt) > limits.max_vision_tokens) {
    return absl::OutOfRangeError(
        absl::StrCat("prompt and answer of ", tokens, " tokens exceed the executor's memory"));
  }
  return absl::OkStatus();
}

std::vector<PageId> PageIds(const GenerationRequest& request) {
  std::vector<PageId> pages;
  for (size_t i = 0; i < request.pages.size(); ++i) {
    pages.push_back(PageId{static_cast<int64_t>(i)});
  }
  return pages;
}

// Begins the sequence and encodes every page.
StepPlan FirstStep(const GenerationRequest& request, const ExecutorLimits& limits) {
  StepPlan plan;
  plan.started_slots.push_back(
      {.slot = kSlot, .sampling = request.sampling, .return_logits = request.return_logits});
  for (int32_t i = 0; i < limits.BlocksFor(NumTokens(request)); ++i) {
    plan.table_edits.push_back({.slot = kSlot, .index = i, .block = BlockId{i}});
  }
  const std::vector<PageId> pages = PageIds(request);
  for (size_t i = 0; i < pages.size(); ++i) {
    const PageGrid& grid = request.prompt->pages[i].grid;
    plan.vision.push_back({.page = pages[i],
                           .image = request.pages[i],
                           .grid = grid,
                           .first_unit = 0,
                           .num_units = limits.VisionUnits(grid)});
  }
  return plan;
}

// Reads the prompt from token `first` on.
PrefillChunk NextChunk(const GenerationRequest& request, int64_t first) {
  const int64_t left = static_cast<int64_t>(request.prompt->ids.size()) - first;
  const int64_t count = request.chunk_tokens == 0 ? left : std::min(left, request.chunk_tokens);
  return ChunkOf(*request.prompt, first, count, kSlot, PageIds(request));
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
StepPlan LastStep(const GenerationRequest& request) {
  StepPlan plan;
  plan.released_slots.push_back(kSlot);
  plan.released_pages = PageIds(request);
  return plan;
}

// Runs a step and adds its times to the result.
absl::StatusOr<StepResult> RunStep(StepPlan plan, StepExecutor& executor,
                                   GenerationResult& result) {
  executor.Submit(std::move(plan));
  GLYPH_ASSIGN_OR_RETURN(StepResult step, executor.Collect());
  result.vision_ms += step.vision_ms;
  result.prefill_ms += step.prefill_ms;
  result.decode_ms += step.decode_ms;
  return step;
}

// Encodes the pages and reads the prompt; the last step has chosen the first token.
absl::StatusOr<StepResult> ReadPrompt(const GenerationRequest& request, StepExecutor& executor,
                                      GenerationResult& result) {
  StepPlan plan = FirstStep(request, executor.limits());
  int64_t first = 0;
  while (true) {
    plan.prefill.push_back(NextChunk(request, first));
    first += static_cast<int64_t>(plan.prefill.back().ids.size());
    const bool samples = plan.prefill.back().samples;
    GLYPH_ASSIGN_OR_RETURN(StepResult step, RunStep(std::move(plan), executor, result));
    if (samples) return step;
    plan = {};
  }
}

}  // namespace

int64_t VisionTokens(const Prompt& prompt) {
  int64_t tokens = 0;
  for (const PromptPage& page : prompt.pages) {
    tokens += page.grid.num_tokens();
  }
  return tokens;
}

PrefillChunk ChunkOf(const Prompt& prompt, int64_t first, int64_t count, SequenceSlot slot,
                     std::span<const PageId> pages) {
  const auto total = static_cast<int64_t>(prompt.ids.size());
  PrefillChunk chunk;
  chunk.slot = slot;
  chunk.first = first;
  chunk.samples = first + count == total;
  chunk.ids.assign(prompt.ids.begin() + first, prompt.ids.begin() + first + count);
  for (int64_t axis = 0; axis < 3; ++axis) {
    const auto begin = prompt.positions.begin() + axis * total + first;
    chunk.positions.insert(chunk.positions.end(), begin, begin + count);
  }
  for (size_t i = 0; i < prompt.pages.size(); ++i) {
    const PromptPage& page = prompt.pages[i];
    const int64_t begin = std::max(first, page.first_token);
    const int64_t end = std::min(first + count, page.first_token + page.grid.num_tokens());
    if (begin >= end) continue;
    chunk.pages.push_back({.page = pages[i],
                           .first_row = begin - page.first_token,
                           .first_token = begin - first,
                           .num_tokens = end - begin});
  }
  return chunk;
}

absl::StatusOr<GenerationResult> Generate(const GenerationRequest& request,
                                          StepExecutor& executor) {
  GLYPH_RETURN_IF_ERROR(CheckLimits(request, executor.limits()));
  GenerationResult result;
  GLYPH_ASSIGN_OR_RETURN(StepResult step, ReadPrompt(request, executor, result));
  while (true) {
    SampledToken& sampled = step.tokens.front();
    if (!sampled.finite) {
      return absl::InternalError("the model's logits are not finite; its weights may be damaged");
    }
    result.output_ids.push_back(sampled.token);
    if (request.return_logits) {
      result.logits.push_back(std::move(sampled.logits));
    }
    const auto count = static_cast<int32_t>(result.output_ids.size());
    if (count == request.max_new_tokens ||
        std::count(request.stop_tokens.begin(), request.stop_tokens.end(), sampled.token) > 0) {
      break;
    }
    GLYPH_ASSIGN_OR_RETURN(step, RunStep(NextStep(*request.prompt, count), executor, result));
  }
  GLYPH_RETURN_IF_ERROR(RunStep(LastStep(request), executor, result).status());
  return result;
}

}  // namespace glyph::vlm
