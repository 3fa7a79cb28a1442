#include "vlm_service/model/warm_up.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/base/logging.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

constexpr SequenceSlot kSlot{0};
constexpr PageId kPage{-1};  // the scheduler's begin at 0
// All tokens of all tables lie here: nothing else is written.
constexpr BlockId kBlock{0};
constexpr int64_t kFewRows = 64;       // attention of fewer is our own
constexpr int64_t kWholePages = 2048;  // image tokens; larger pages go into their first layer only

absl::Status Run(StepExecutor& executor, StepPlan plan) {
  executor.Submit(std::move(plan));
  return executor.Collect().status();
}

// 1, 2, 3, 4, 6, 8, 12, 16, ... below `end`, then `end`: what products are told apart by
// (kernels/gemm.h).
std::vector<int64_t> Sizes(int64_t end) {
  std::vector<int64_t> sizes;
  for (int64_t power = 1; power < end; power *= 2) {
    sizes.push_back(power);
    if (power > 1 && power / 2 * 3 < end) sizes.push_back(power / 2 * 3);
  }
  if (end > 0) sizes.push_back(end);
  return sizes;
}

// About `tokens` image tokens, and not more.
StepPlan PageStep(const ExecutorLimits& limits, int64_t tokens, int32_t token_px,
                  int32_t channels) {
  const auto rows = static_cast<int32_t>(std::sqrt(tokens));
  const PageGrid grid = {.rows = rows, .cols = static_cast<int32_t>(tokens / rows)};
  auto image = std::make_shared<PageImage>();
  image->width = grid.cols * token_px;
  image->height = grid.rows * token_px;
  image->channels = channels;
  image->pixels.assign(static_cast<size_t>(image->width) * static_cast<size_t>(image->height) *
                           static_cast<size_t>(channels),
                       255);
  const int32_t all = limits.VisionUnits(grid);
  StepPlan plan;
  plan.vision.push_back({.page = kPage,
                         .image = std::move(image),
                         .grid = grid,
                         .num_units = tokens > kWholePages ? std::min(all, 2) : all});
  return plan;
}

absl::Status EncodePages(StepExecutor& executor, int32_t token_px) {
  const ExecutorLimits& limits = executor.limits();
  for (const int64_t tokens : Sizes(limits.max_page_tokens())) {
    const int32_t channels = tokens > 1 ? 1 : 3;  // once as uploads have them
    GLYPH_RETURN_IF_ERROR(Run(executor, PageStep(limits, tokens, token_px, channels)));
    StepPlan release;
    release.released_pages.push_back(kPage);
    GLYPH_RETURN_IF_ERROR(Run(executor, std::move(release)));
  }
  return absl::OkStatus();
}

// A new sequence of `count` tokens, read at once.
StepPlan ChunkStep(const ExecutorLimits& limits, int64_t count) {
  StepPlan plan;
  plan.started_slots.push_back({.slot = kSlot, .sampling = {}});
  for (int32_t i = 0; i < limits.BlocksFor(count); ++i) {
    plan.table_edits.push_back({kSlot, i, kBlock});
  }
  PrefillChunk& chunk = plan.prefill.emplace_back();
  chunk.slot = kSlot;
  chunk.ids.assign(static_cast<size_t>(count), 0);
  for (int64_t i = 0; i < 3 * count; ++i) {
    chunk.positions.push_back(static_cast<int32_t>(i % count));
  }
  chunk.samples = true;
  return plan;
}

// First chunks of prompts.
absl::Status ReadPrompts(StepExecutor& executor, int64_t max_chunk_tokens) {
  const ExecutorLimits& limits = executor.limits();
  const int64_t longest = std::min(limits.context_tokens, limits.pool_tokens());
  for (const int64_t count : Sizes(std::min(max_chunk_tokens, longest))) {
    GLYPH_RETURN_IF_ERROR(Run(executor, ChunkStep(limits, count)));
  }
  return absl::OkStatus();
}

SamplingParams EveryFeature() {
  SamplingParams sampling;
  sampling.temperature = 1.0f;
  sampling.top_p = 0.9f;
  sampling.top_k = 50;
  sampling.min_p = 0.01f;
  sampling.repetition_penalty = 1.1f;
  sampling.frequency_penalty = 0.1f;
  sampling.presence_penalty = 0.1f;
  sampling.logit_bias = {{.token = 0, .bias = 1.0f}};
  return sampling;
}

// Every slot, forked from one greedy sequence of one token.
StepPlan ForkStep(const ExecutorLimits& limits) {
  StepPlan plan = ChunkStep(limits, 1);
  plan.started_slots.front().sampling.num_logprobs = 1;
  for (int32_t slot = 1; slot < limits.max_slots; ++slot) {
    plan.forks.push_back({kSlot, SequenceSlot{slot}, EveryFeature()});
  }
  return plan;
}

absl::Status Decode(StepExecutor& executor) {
  const ExecutorLimits& limits = executor.limits();
  GLYPH_RETURN_IF_ERROR(Run(executor, ForkStep(limits)));
  for (int32_t rows = 1; rows <= limits.max_slots; ++rows) {
    // Ops::PaddedRows has no other sizes.
    if (rows > 8 && rows % 8 != 0 && rows != limits.max_slots) continue;
    StepPlan plan;
    for (int32_t slot = 0; slot < rows; ++slot) {
      plan.decode.push_back({.slot = SequenceSlot{slot}, .kv_length = 1, .position = 1});
    }
    GLYPH_RETURN_IF_ERROR(Run(executor, std::move(plan)));
  }
  return absl::OkStatus();
}

// The block that was written becomes as one that was not.
absl::Status Release(StepExecutor& executor) {
  const ExecutorLimits& limits = executor.limits();
  StepPlan plan;
  for (int32_t slot = 0; slot < limits.max_slots; ++slot) {
    plan.released_slots.push_back(SequenceSlot{slot});
  }
  if (limits.num_blocks > 1) plan.block_copies.push_back({.from = BlockId{1}, .to = kBlock});
  return Run(executor, std::move(plan));
}

absl::Status Measured(StepExecutor& executor, const char* stage,
                      const std::function<absl::Status()>& work) {
  const auto start = std::chrono::steady_clock::now();
  const int64_t before = executor.MeasureDriverBytes();
  GLYPH_RETURN_IF_ERROR(work());
  const std::chrono::duration<double, std::milli> lasted = std::chrono::steady_clock::now() - start;
  base::LogInfo("gpu_warm_up", {{"stage", stage},
                                {"ms", absl::StrCat(std::llround(lasted.count()))},
                                {"bytes", absl::StrCat(executor.MeasureDriverBytes() - before)}});
  return absl::OkStatus();
}

}  // namespace

absl::Status WarmUp(StepExecutor& executor, int32_t token_px, int64_t max_chunk_tokens) {
  GLYPH_RETURN_IF_ERROR(
      Measured(executor, "pages", [&] { return EncodePages(executor, token_px); }));
  GLYPH_RETURN_IF_ERROR(
      Measured(executor, "prompts", [&] { return ReadPrompts(executor, max_chunk_tokens); }));
  GLYPH_RETURN_IF_ERROR(Measured(executor, "decoding", [&] { return Decode(executor); }));
  return Measured(executor, "release", [&] { return Release(executor); });
}

}  // namespace glyph::vlm
