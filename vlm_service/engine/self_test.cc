#include "vlm_service/engine/self_test.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

constexpr SequenceSlot kSlot{0};
constexpr PageId kPage{-1};  // the scheduler's begin at 0

std::shared_ptr<const PageImage> BlankPage(int32_t side_px) {
  auto image = std::make_shared<PageImage>();
  image->width = side_px;
  image->height = side_px;
  image->pixels.assign(static_cast<size_t>(side_px) * static_cast<size_t>(side_px), 255);
  return image;
}

absl::Status RunStep(StepExecutor& executor, StepPlan plan) {
  executor.Submit(std::move(plan));
  GLYPH_ASSIGN_OR_RETURN(const StepResult result, executor.Collect());
  for (const SampledToken& token : result.tokens) {
    if (!token.finite) return absl::InternalError("self-test: the logits are not finite");
  }
  return absl::OkStatus();
}

// The prompt at once: its page is encoded and read, the first token is chosen.
StepPlan FirstStep(const Prompt& prompt, const ExecutorLimits& limits, int32_t token_px,
                   int32_t num_blocks) {
  const PromptPage& page = prompt.pages.front();
  StepPlan plan;
  plan.started_slots.push_back({kSlot, SamplingParams()});
  for (int32_t i = 0; i < num_blocks; ++i) plan.table_edits.push_back({kSlot, i, BlockId{i}});
  plan.vision.push_back(
      {kPage, BlankPage(page.grid.rows * token_px), page.grid, 0, limits.VisionUnits(page.grid)});
  PrefillChunk& chunk = plan.prefill.emplace_back();
  chunk.slot = kSlot;
  chunk.ids = prompt.ids;
  chunk.positions = prompt.positions;
  chunk.pages.push_back({kPage, 0, page.first_token, page.grid.num_tokens()});
  chunk.samples = true;
  return plan;
}

}  // namespace

absl::Status RunSelfTest(StepExecutor& executor, const PromptBuilder& prompts, int32_t token_px) {
  const PageGrid grid = {2, 2};
  const std::vector<PromptPiece> pieces = {std::vector<PageGrid>{grid}, std::string("Hi")};
  const Prompt prompt = prompts.Build(pieces);
  const auto num_tokens = static_cast<int64_t>(prompt.ids.size());
  const ExecutorLimits& limits = executor.limits();
  const int32_t num_blocks = limits.BlocksFor(num_tokens + 1);  // the prompt and one token
  if (num_blocks > limits.num_blocks || grid.num_tokens() > limits.max_page_tokens()) {
    return absl::FailedPreconditionError(
        absl::StrCat("self-test: the KV cache of ", limits.num_blocks, " blocks cannot hold ",
                     num_tokens + 1, " tokens; raise --kv-tokens"));
  }
  GLYPH_RETURN_IF_ERROR(RunStep(executor, FirstStep(prompt, limits, token_px, num_blocks)));
  StepPlan second;
  second.released_pages = {kPage};
  second.decode.push_back(
      {.slot = kSlot, .kv_length = num_tokens, .position = prompt.next_position});
  GLYPH_RETURN_IF_ERROR(RunStep(executor, std::move(second)));
  StepPlan last;
  last.released_slots = {kSlot};
  return RunStep(executor, std::move(last));
}

}  // namespace glyph::vlm
