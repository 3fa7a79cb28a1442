#include "vlm_service/engine/self_test.h"

#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

constexpr SequenceSlot kSlot{0};
constexpr PageId kPage{-1};       // the scheduler's begin at 0
constexpr size_t kNumTokens = 2;  // without a golden answer: a prefill's and a decode's

std::shared_ptr<const PageImage> BlankPage(int32_t side_px) {
  auto image = std::make_shared<PageImage>();
  image->width = side_px;
  image->height = side_px;
  image->pixels.assign(static_cast<size_t>(side_px) * static_cast<size_t>(side_px), 255);
  return image;
}

// Whether output token `index` and its logits are the golden ones.
absl::Status Compare(const SampledToken& found, size_t index, const GoldenAnswer& golden) {
  const GoldenStep& step = golden.steps[index];
  const auto refuse = [&](const std::string& what) {
    return absl::InternalError(absl::StrCat("self-test: at output token ", index, " ", what));
  };
  if (found.token != step.ids.front()) {
    return refuse(absl::StrCat("the model chose id ", found.token, "; self_test.json expects ",
                               step.ids.front()));
  }
  for (size_t i = 0; i < step.ids.size(); ++i) {
    const int32_t id = step.ids[i];
    const bool known = static_cast<size_t>(id) < found.logits.size();
    const double logit = known ? found.logits[static_cast<size_t>(id)] : NAN;
    if (!(std::abs(logit - step.logits[i]) <= golden.tolerance)) {
      return refuse(absl::StrCat("the logit of id ", id, " is ", logit, "; self_test.json expects ",
                                 step.logits[i], " within ", golden.tolerance));
    }
  }
  return absl::OkStatus();
}

// Runs a step that chooses output token `index`.
absl::Status RunStep(StepExecutor& executor, StepPlan plan, size_t index,
                     const GoldenAnswer& golden) {
  executor.Submit(std::move(plan));
  GLYPH_ASSIGN_OR_RETURN(const StepResult result, executor.Collect());
  const SampledToken& token = result.tokens.front();
  if (!token.finite) return absl::InternalError("self-test: the logits are not finite");
  return index < golden.steps.size() ? Compare(token, index, golden) : absl::OkStatus();
}

StepPlan DecodeStep(const Prompt& prompt, size_t index) {
  const auto num_decoded = static_cast<int32_t>(index) - 1;
  StepPlan plan;
  plan.decode.push_back({.slot = kSlot,
                         .kv_length = static_cast<int64_t>(prompt.ids.size()) + num_decoded,
                         .position = prompt.next_position + num_decoded});
  return plan;
}

// The prompt at once: its page is encoded and read, the first token is chosen.
StepPlan FirstStep(const Prompt& prompt, const ExecutorLimits& limits, int32_t token_px,
                   int32_t num_blocks) {
  const PromptPage& page = prompt.pages.front();
  StepPlan plan;
  plan.started_slots.push_back({kSlot, SamplingParams(), /*return_logits=*/true});
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

absl::Status RunSelfTest(StepExecutor& executor, const PromptBuilder& prompts, int32_t token_px,
                         const GoldenAnswer& golden) {
  const PageGrid grid = {2, 2};
  const std::vector<PromptPiece> pieces = {std::vector<PageGrid>{grid}, golden.text};
  const Prompt prompt = prompts.Build(pieces);
  const size_t num_outputs = golden.steps.empty() ? kNumTokens : golden.steps.size();
  // The last token is chosen and not read.
  const auto num_tokens = static_cast<int64_t>(prompt.ids.size() + num_outputs - 1);
  const ExecutorLimits& limits = executor.limits();
  const int32_t num_blocks = limits.BlocksFor(num_tokens);
  if (num_blocks > limits.num_blocks || grid.num_tokens() > limits.max_page_tokens()) {
    return absl::FailedPreconditionError(absl::StrCat("self-test: the KV cache of ",
                                                      limits.num_blocks, " blocks cannot hold ",
                                                      num_tokens, " tokens; raise --kv-tokens"));
  }
  GLYPH_RETURN_IF_ERROR(
      RunStep(executor, FirstStep(prompt, limits, token_px, num_blocks), 0, golden));
  for (size_t i = 1; i < num_outputs; ++i) {
    GLYPH_RETURN_IF_ERROR(RunStep(executor, DecodeStep(prompt, i), i, golden));
  }
  StepPlan last;
  last.released_slots = {kSlot};
  last.released_pages = {kPage};
  executor.Submit(std::move(last));
  return executor.Collect().status();
}

}  // namespace glyph::vlm
