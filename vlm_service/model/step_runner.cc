#include "vlm_service/model/step_runner.h"

#include <chrono>
#include <exception>
#include <numeric>
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
      vision_(limits.max_vision_tokens, config_.text.hidden_size, type),
      preprocessor_(config_, type),
      encoder_(config_.vision, weights_->vision(), arena_),
      decoder_(config_.text, weights_->text(), kv_, arena_, type),
      slots_(limits.max_slots) {}

absl::StatusOr<StepResult> StepRunner::Run(const StepPlan& plan) {
  try {
    const c10::InferenceMode no_autograd;
    return RunOrThrow(plan);
  } catch (const std::exception& error) {
    base::LogError("step_failed", {{"cause", CauseOf(error)}});
    return absl::InternalError("a step of the model failed; the server's log says why");
  }
}

StepResult StepRunner::RunOrThrow(const StepPlan& plan) {
  StepResult result;
  for (const SequenceSlot id : plan.released_slots) {
    slots_.at(static_cast<size_t>(id)).reset();
  }
  for (const PageId page : plan.released_pages) {
    vision_.Release(page);
  }
  Stopwatch watch;
  for (const VisionWork& work : plan.vision) {
    Encode(work);
  }
  result.vision_ms = watch.Lap();
  for (const PrefillWork& work : plan.prefill) {
    result.tokens.push_back(Prefill(work));
  }
  result.prefill_ms = watch.Lap();
  if (!plan.decode.empty()) {
    Decode(plan.decode, result.tokens);
  }
  result.decode_ms = watch.Lap();
  return result;
}

void StepRunner::Encode(const VisionWork& work) {
  arena_.Reset();
  const at::Tensor patches = preprocessor_.Patches(*work.image, work.grid);
  vision_.Store(work.page, encoder_.Encode(patches, work.grid));
}

SampledToken StepRunner::Prefill(const PrefillWork& work) {
  const Prompt& prompt = *work.prompt;
  const auto count = static_cast<int64_t>(prompt.ids.size());
  std::vector<int32_t> blocks;
  for (const BlockId block : work.blocks) {
    blocks.push_back(static_cast<int32_t>(block));
  }
  std::vector<int32_t> cache_rows(count);
  for (int64_t i = 0; i < count; ++i) {
    cache_rows[i] = CacheRow(blocks, i);
  }
  slots_.at(static_cast<size_t>(work.slot))
      .emplace(Slot{.blocks = std::move(blocks),
                    .sampler = Sampler(work.sampling, prompt.ids,
                                       static_cast<int32_t>(config_.text.vocab_size)),
                    .return_logits = work.return_logits});
  arena_.Reset();
  at::Tensor hidden = arena_.Take(count, config_.text.hidden_size);
  EmbedPrompt(work, hidden);
  decoder_.Forward({.rows = ops::Rows::kOneSequence,
                    .positions = PositionTensor(prompt.positions),
                    .slots = cache_rows},
                   hidden);
  const at::Tensor logits = decoder_.Logits(hidden.narrow(0, count - 1, 1));
  return Choose(work.slot, Row(logits, 0));
}

void StepRunner::EmbedPrompt(const PrefillWork& work, at::Tensor& hidden) {
  const Prompt& prompt = *work.prompt;
  decoder_.Embed(prompt.ids, hidden);
  TORCH_CHECK(prompt.pages.size() == work.pages.size(), "a prompt's pages were not all encoded");
  for (size_t i = 0; i < work.pages.size(); ++i) {
    const PromptPage& page = prompt.pages[i];
    at::Tensor rows = hidden.narrow(0, page.first_token, page.grid.num_tokens());
    vision_.Load(work.pages[i], rows);
  }
}

void StepRunner::Decode(std::span<const DecodeWork> rows, std::vector<SampledToken>& tokens) {
  const size_t count = rows.size();
  std::vector<int32_t> ids(count);
  std::vector<int32_t> cache_rows(count);
  std::vector<int32_t> positions(3 * count);
  std::vector<const int32_t*> blocks(count);
  std::vector<int64_t> lengths(count);
  for (size_t i = 0; i < count; ++i) {
    const Slot& sequence = slot(rows[i].slot);
    ids[i] = sequence.last_token;
    cache_rows[i] = CacheRow(sequence.blocks, rows[i].kv_length);
    blocks[i] = sequence.blocks.data();
    lengths[i] = rows[i].kv_length + 1;
    for (size_t axis = 0; axis < 3; ++axis) {
      positions[axis * count + i] = rows[i].position;
    }
  }
  arena_.Reset();
  at::Tensor hidden = arena_.Take(static_cast<int64_t>(count), config_.text.hidden_size);
  decoder_.Embed(ids, hidden);
  decoder_.Forward({.rows = ops::Rows::kManySequences,
                    .positions = PositionTensor(positions),
                    .slots = cache_rows,
                    .sequences = {.blocks = blocks, .lengths = lengths}},
                   hidden);
  const at::Tensor logits = decoder_.Logits(hidden);
  for (size_t i = 0; i < count; ++i) {
    tokens.push_back(Choose(rows[i].slot, Row(logits, static_cast<int64_t>(i))));
  }
}

StepRunner::Slot& StepRunner::slot(SequenceSlot id) {
  std::optional<Slot>& slot = slots_.at(static_cast<size_t>(id));
  TORCH_CHECK(slot.has_value(), "a plan decodes a slot that was not prefilled");
  return *slot;
}

int32_t StepRunner::CacheRow(std::span<const int32_t> blocks, int64_t index) const {
  const auto block = static_cast<size_t>(index / limits_.block_tokens);
  TORCH_CHECK(block < blocks.size(), "token ", index, " lies outside its sequence's blocks");
  return blocks[block] * limits_.block_tokens + static_cast<int32_t>(index % limits_.block_tokens);
}

SampledToken StepRunner::Choose(SequenceSlot id, std::span<float> logits) {
  Slot& sequence = slot(id);
  SampledToken result;
  result.slot = id;
  if (sequence.return_logits) {
    result.logits.assign(logits.begin(), logits.end());
  }
  const std::optional<int32_t> token = sequence.sampler.Sample(logits, sequence.num_outputs++);
  result.finite = token.has_value();
  result.token = token.value_or(0);
  sequence.last_token = result.token;
  return result;
}

std::vector<ComponentMemory> StepRunner::memory() const {
  const auto blocks_of = [](const std::optional<Slot>& slot) {
    return slot.has_value() ? static_cast<int64_t>(slot->blocks.size()) : 0;
  };
  const int64_t blocks =
      std::transform_reduce(slots_.begin(), slots_.end(), int64_t{0}, std::plus<>(), blocks_of);
  return {
      {.device = "host",
       .component = "weights",
       .reserved_bytes = weights_->num_bytes(),
       .used_bytes = weights_->num_bytes()},
      {.device = "host",
       .component = "kv",
       .reserved_bytes = kv_.num_bytes(),
       .used_bytes = kv_.num_bytes() / limits_.num_blocks * blocks},
      {.device = "host",
       .component = "vision",
       .reserved_bytes = vision_.reserved_bytes(),
       .used_bytes = vision_.used_bytes()},
      {.device = "host",
       .component = "activations",
       .reserved_bytes = arena_.num_bytes(),
       .used_bytes = arena_.num_bytes()},
  };
}

}  // namespace glyph::vlm
