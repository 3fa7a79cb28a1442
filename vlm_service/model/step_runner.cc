#include "vlm_service/model/step_runner.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <optional>
#include <utility>

#include "ATen/ops/from_blob.h"
#include "c10/core/InferenceMode.h"
#include "proto/base/logging.h"
#include "vlm_service/model/exception_cause.h"

namespace glyph::vlm {
namespace {

class Stopwatch {
 public:
  // Milliseconds since the last call or construction.
  double Lap() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double, std::milli> lap = now - start_;
    start_ = now;
    return lap.count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// A view of positions [3, count]; nothing writes to it, from_blob has no const form.
at::Tensor PositionTensor(const std::vector<int32_t>& positions) {
  return at::from_blob(const_cast<int32_t*>(positions.data()),
                       {3, static_cast<int64_t>(positions.size() / 3)}, at::kInt);
}

// Tells the sampler what a chunk adds to its sequence.
void ObserveTokens(const PrefillChunk& chunk, Sampler& sampler) {
  const auto count = static_cast<int64_t>(chunk.ids.size());
  sampler.Observe(chunk.reused_ids, std::max<int64_t>(0, chunk.num_output_ids - count));
  sampler.Observe(chunk.ids, std::min(chunk.num_output_ids, count));
}

std::span<float> Row(const at::Tensor& logits, int64_t row) {
  return {logits.data_ptr<float>() + row * logits.stride(0), static_cast<size_t>(logits.size(1))};
}

}  // namespace

StepRunner::StepRunner(ModelConfig config, std::unique_ptr<ModelWeights> weights,
                       at::ScalarType type, const ExecutorLimits& limits)
    : config_(std::move(config)),
      weights_(std::move(weights)),
      limits_(limits),
      arena_(type),
      kv_(config_.text, limits.num_blocks, limits.block_tokens, type),
      vision_(config_, weights_->vision(), limits_, type, arena_),
      decoder_(config_.text, weights_->text(), kv_, arena_, type),
      slots_(limits, static_cast<int32_t>(config_.text.vocab_size)) {}

absl::StatusOr<StepResult> StepRunner::Run(const StepPlan& plan) {
  try {
    const c10::InferenceMode no_autograd;
    return RunOrThrow(plan);
  } catch (const std::exception& error) {
    base::LogError("step_failed", {{"cause", CauseOf(error)}});
    if (IsOutOfMemory(error)) return absl::ResourceExhaustedError("memory ran out in a step");
    return absl::InternalError("a step of the model failed; the server's log says why");
  }
}

StepResult StepRunner::RunOrThrow(const StepPlan& plan) {
  StepResult result;
  UpdateSlots(plan);
  Stopwatch watch;
  for (const VisionSlice& slice : plan.vision) {
    vision_.Run(slice);
  }
  result.vision_ms = watch.Lap();
  RunPrefill(plan, result.tokens);
  result.prefill_ms = watch.Lap();
  if (!plan.decode.empty()) {
    RunDecode(plan.decode, result.tokens);
  }
  result.decode_ms = watch.Lap();
  return result;
}

void StepRunner::UpdateSlots(const StepPlan& plan) {
  for (const SequenceSlot slot : plan.released_slots) {
    slots_.Release(slot);
  }
  for (const PageId page : plan.released_pages) {
    vision_.Release(page);
  }
  for (const SlotStart& start : plan.started_slots) {
    slots_.Start(start);
  }
  for (const TableEdit& edit : plan.table_edits) {
    slots_.Edit(edit);
  }
  for (const BlockCopy& copy : plan.block_copies) {
    kv_.CopyBlock(static_cast<int32_t>(copy.from), static_cast<int32_t>(copy.to));
  }
}

void StepRunner::RunPrefill(const StepPlan& plan, std::vector<SampledToken>& tokens) {
  ForkTokens forked(plan.forks.size());
  size_t num_forked = 0;
  for (const PrefillChunk& chunk : plan.prefill) {
    const at::Tensor hidden = RunChunk(chunk);
    ObserveTokens(chunk, slots_.at(chunk.slot).sampler);
    if (!chunk.samples) continue;
    const at::Tensor logits = decoder_.Logits(hidden);
    num_forked += RunForks(plan.forks, chunk.slot, Row(logits, 0), forked);
    tokens.push_back(Choose(chunk.slot, Row(logits, 0)));
  }
  TORCH_CHECK(num_forked == forked.size(), "a plan forks a slot whose chunk does not sample");
  std::move(forked.begin(), forked.end(), std::back_inserter(tokens));
}

size_t StepRunner::RunForks(std::span<const SlotFork> forks, SequenceSlot from,
                            std::span<const float> logits, ForkTokens& tokens) {
  size_t count = 0;
  for (size_t i = 0; i < forks.size(); ++i) {
    if (forks[i].from != from) continue;
    slots_.Fork(forks[i]);
    std::vector<float> copy(logits.begin(), logits.end());
    tokens[i] = Choose(forks[i].to, copy);
    ++count;
  }
  return count;
}

at::Tensor StepRunner::RunChunk(const PrefillChunk& chunk) {
  const SequenceState& sequence = slots_.at(chunk.slot);
  const auto count = static_cast<int64_t>(chunk.ids.size());
  TORCH_CHECK(count > 0 && chunk.positions.size() == 3 * chunk.ids.size(), "a chunk of ", count,
              " tokens has ", chunk.positions.size(), " positions");
  std::vector<int32_t> cache_rows(count);
  for (int64_t i = 0; i < count; ++i) {
    cache_rows[i] = slots_.CacheRow(sequence, chunk.first + i);
  }
  arena_.Reset();
  at::Tensor hidden = arena_.Take(count, config_.text.hidden_size);
  Embed(chunk, hidden);
  return decoder_.Forward({.positions = PositionTensor(chunk.positions),
                           .slots = cache_rows,
                           .num_wanted = chunk.samples ? 1 : 0,
                           .chunk = {.blocks = sequence.blocks, .first = chunk.first}},
                          hidden);
}

void StepRunner::Embed(const PrefillChunk& chunk, at::Tensor& hidden) {
  decoder_.Embed(chunk.ids, hidden);
  for (const PageRows& page : chunk.pages) {
    at::Tensor rows = hidden.narrow(0, page.first_token, page.num_tokens);
    vision_.Load(page.page, page.first_row, rows);
  }
}

void StepRunner::RunDecode(std::span<const DecodeWork> rows, std::vector<SampledToken>& tokens) {
  const size_t count = rows.size();
  std::vector<int32_t> ids(count);
  std::vector<int32_t> cache_rows(count);
  std::vector<int32_t> positions(3 * count);
  std::vector<const int32_t*> blocks(count);
  std::vector<int64_t> lengths(count);
  for (size_t i = 0; i < count; ++i) {
    const SequenceState& sequence = slots_.at(rows[i].slot);
    ids[i] = sequence.last_token;
    cache_rows[i] = slots_.CacheRow(sequence, rows[i].kv_length);
    blocks[i] = sequence.blocks.data();
    lengths[i] = rows[i].kv_length + 1;
    for (size_t axis = 0; axis < 3; ++axis) {
      positions[axis * count + i] = rows[i].position;
    }
  }
  arena_.Reset();
  at::Tensor hidden = arena_.Take(static_cast<int64_t>(count), config_.text.hidden_size);
  decoder_.Embed(ids, hidden);
  decoder_.Forward({.positions = PositionTensor(positions),
                    .slots = cache_rows,
                    .num_wanted = static_cast<int64_t>(count),
                    .sequences = {.blocks = blocks, .lengths = lengths}},
                   hidden);
  const at::Tensor logits = decoder_.Logits(hidden);
  for (size_t i = 0; i < count; ++i) {
    tokens.push_back(Choose(rows[i].slot, Row(logits, static_cast<int64_t>(i))));
  }
}

SampledToken StepRunner::Choose(SequenceSlot slot, std::span<float> logits) {
  SequenceState& sequence = slots_.at(slot);
  SampledToken result;
  result.slot = slot;
  if (sequence.return_logits) {
    result.logits.assign(logits.begin(), logits.end());
  }
  std::optional<Choice> choice = sequence.sampler.Sample(logits);
  result.finite = choice.has_value();
  if (choice.has_value()) {
    result.token = choice->token;
    result.logprob = choice->logprob;
    result.top_logprobs = std::move(choice->top_logprobs);
  }
  sequence.last_token = result.token;
  return result;
}

std::vector<ComponentMemory> StepRunner::memory() const {
  const int64_t activations = arena_.num_bytes() + vision_.work_bytes();
  return {
      {.device = "host",
       .component = "weights",
       .reserved_bytes = weights_->num_bytes(),
       .used_bytes = weights_->num_bytes()},
      {.device = "host",
       .component = "kv",
       .reserved_bytes = kv_.num_bytes(),
       .used_bytes = kv_.num_bytes() / limits_.num_blocks * slots_.num_blocks_used()},
      {.device = "host",
       .component = "vision",
       .reserved_bytes = vision_.outputs().reserved_bytes(),
       .used_bytes = vision_.outputs().used_bytes()},
      {.device = "host",
       .component = "activations",
       .reserved_bytes = activations,
       .used_bytes = activations},
  };
}

}  // namespace glyph::vlm
