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

}  // namespace

absl::Status RunSelfTest(StepExecutor& executor, const PromptBuilder& prompts, int32_t token_px) {
  const PageGrid grid = {2, 2};
  const std::vector<PromptPiece> pieces = {std::vector<PageGrid>{grid}, std::string("Hi")};
  const auto prompt = std::make_shared<const Prompt>(prompts.Build(pieces));
  const auto num_tokens = static_cast<int64_t>(prompt->ids.size());
  const ExecutorLimits& limits = executor.limits();
  const int64_t num_blocks = num_tokens / limits.block_tokens + 1;  // the prompt and one token
  if (num_blocks > limits.num_blocks || grid.num_tokens() > limits.max_vision_tokens) {
    return absl::FailedPreconditionError(
        absl::StrCat("self-test: the KV cache of ", limits.num_blocks, " blocks cannot hold ",
                     num_tokens + 1, " tokens; raise --kv-tokens"));
  }
  StepPlan first;
  first.vision.push_back({kPage, BlankPage(grid.rows * token_px), grid});
  PrefillWork prefill;
  prefill.slot = kSlot;
  prefill.prompt = prompt;
  prefill.pages = {kPage};
  for (int32_t id = 0; id < num_blocks; ++id) prefill.blocks.push_back(BlockId{id});
  first.prefill.push_back(std::move(prefill));
  GLYPH_RETURN_IF_ERROR(RunStep(executor, std::move(first)));
  StepPlan second;
  second.released_pages = {kPage};
  second.decode.push_back(
      {.slot = kSlot, .kv_length = num_tokens, .position = prompt->next_position});
  GLYPH_RETURN_IF_ERROR(RunStep(executor, std::move(second)));
  StepPlan last;
  last.released_slots = {kSlot};
  return RunStep(executor, std::move(last));
}

}  // namespace glyph::vlm
