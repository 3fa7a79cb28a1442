#include "vlm_service/model/step_runner.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <utility>

#include "c10/core/InferenceMode.h"
#include "proto/base/logging.h"
#include "vlm_service/model/exception_cause.h"

namespace glyph::vlm {
namespace {

using TimePoint = std::chrono::steady_clock::time_point;

TimePoint Now() { return std::chrono::steady_clock::now(); }

double Milliseconds(TimePoint begin, TimePoint end) {
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

absl::Status StatusOf(const std::exception& error) {
  base::LogError("step_failed", {{"cause", CauseOf(error)}});
  if (IsOutOfMemory(error)) return absl::ResourceExhaustedError("memory ran out in a step");
  return absl::InternalError("a step of the model failed; the server's log says why");
}

}  // namespace

StepRunner::StepRunner(ModelConfig config, std::unique_ptr<ModelWeights> weights,
                       at::ScalarType type, ExecutorParts parts)
    : ops_(std::move(parts.ops)),
      config_(std::move(config)),
      weights_(std::move(weights)),
      limits_(parts.limits),
      arena_(std::move(parts.arena)),
      kv_(config_.text, limits_.num_blocks, limits_.block_tokens, type, *ops_),
      vision_(config_, weights_->vision(), limits_, type, *arena_, *ops_, parts.page_memory),
      decoder_(config_.text, weights_->text(), kv_, *arena_, type, *ops_),
      slots_(limits_),
      chooser_(std::move(parts.chooser)),
      decode_inputs_(limits_, *ops_) {}

void StepRunner::Begin(const StepPlan& plan) {
  Step& step = steps_.emplace_back();
  try {
    const c10::InferenceMode no_autograd;
    BeginOrThrow(plan, step);
  } catch (const std::exception& error) {
    step.status = StatusOf(error);
  }
}

void StepRunner::BeginOrThrow(const StepPlan& plan, Step& step) {
  ops_->BeginStep();
  UpdateSlots(plan);
  const TimePoint begin = Now();
  for (const VisionSlice& slice : plan.vision) {
    vision_.Run(slice);
  }
  if (!plan.vision.empty()) ops_->Synchronize();
  const TimePoint seen = Now();
  RunPrefill(plan, step.result.tokens);
  if (!plan.prefill.empty()) ops_->Synchronize();
  step.decode_begin = Now();
  step.result.vision_ms = Milliseconds(begin, seen);
  step.result.prefill_ms = Milliseconds(seen, step.decode_begin);
  if (!plan.decode.empty()) BeginDecode(plan.decode, step);
}

absl::StatusOr<StepResult> StepRunner::Finish() {
  Step step = std::move(steps_.front());
  steps_.pop_front();
  if (!step.status.ok()) return step.status;
  try {
    const c10::InferenceMode no_autograd;
    FinishOrThrow(step);
    return std::move(step.result);
  } catch (const std::exception& error) {
    return StatusOf(error);
  }
}

void StepRunner::FinishOrThrow(Step& step) {
  if (!step.decode_slots.empty()) {
    std::vector<SampledToken> chosen = chooser_->Take(step.logits, step.decode_slots);
    std::move(chosen.begin(), chosen.end(), std::back_inserter(step.result.tokens));
    const TimePoint end = Now();
    step.result.decode_ms = Milliseconds(std::max(step.decode_begin, last_finish_), end);
    last_finish_ = end;
  }
  for (const SampledToken& token : step.result.tokens) {
    if (!token.finite) ClearBlocks(token.slot);
  }
}

void StepRunner::UpdateSlots(const StepPlan& plan) {
  for (const SequenceSlot slot : plan.released_slots) {
    slots_.Release(slot);
  }
  for (const PageId page : plan.released_pages) {
    vision_.Release(page);
  }
  for (const SlotStart& start : plan.started_slots) {
    slots_.Start(start.slot);
    chooser_->Start(start);
  }
  for (const TableEdit& edit : plan.table_edits) {
    slots_.Edit(edit);
  }
  for (const BlockCopy& copy : plan.block_copies) {
    kv_.CopyBlock(static_cast<int32_t>(copy.from), static_cast<int32_t>(copy.to));
  }
}

// What a sequence wrote alone holds numbers that are not finite, and whoever gets its blocks may
// read beyond what it wrote itself.
void StepRunner::ClearBlocks(SequenceSlot slot) {
  for (const int32_t block : slots_.at(slot)) {
    if (slots_.num_holders(block) == 1) kv_.ClearBlock(block);
  }
}

void StepRunner::RunPrefill(const StepPlan& plan, std::vector<SampledToken>& tokens) {
  std::vector<SampledToken> forked(plan.forks.size());
  size_t num_forked = 0;
  for (const PrefillChunk& chunk : plan.prefill) {
    const at::Tensor hidden = RunChunk(chunk);
    ObserveTokens(chunk);
    if (!chunk.samples) continue;
    std::vector<SequenceSlot> slots = {chunk.slot};
    std::vector<size_t> places;  // of the forks, in the plan
    for (size_t i = 0; i < plan.forks.size(); ++i) {
      if (plan.forks[i].from != chunk.slot) continue;
      slots_.Fork(plan.forks[i].from, plan.forks[i].to);
      chooser_->Fork(plan.forks[i]);
      slots.push_back(plan.forks[i].to);
      places.push_back(i);
    }
    std::vector<SampledToken> chosen = ChooseAlike(hidden, slots);
    tokens.push_back(std::move(chosen.front()));
    for (size_t i = 0; i < places.size(); ++i) forked[places[i]] = std::move(chosen[i + 1]);
    num_forked += places.size();
  }
  TORCH_CHECK(num_forked == forked.size(), "a plan forks a slot whose chunk does not sample");
  std::move(forked.begin(), forked.end(), std::back_inserter(tokens));
}

// Tells the chooser what a chunk adds to its sequence.
void StepRunner::ObserveTokens(const PrefillChunk& chunk) {
  const auto count = static_cast<int64_t>(chunk.ids.size());
  chooser_->Observe(chunk.slot, chunk.reused_ids,
                    std::max<int64_t>(0, chunk.num_output_ids - count));
  chooser_->Observe(chunk.slot, chunk.ids, std::min(chunk.num_output_ids, count));
}

std::vector<SampledToken> StepRunner::ChooseAlike(const at::Tensor& hidden,
                                                  std::span<const SequenceSlot> slots) {
  std::vector<int32_t> rows;
  for (const SequenceSlot slot : slots) rows.push_back(static_cast<int32_t>(slot));
  const at::Tensor logits =
      decoder_.Logits(hidden).expand({static_cast<int64_t>(slots.size()), -1});
  chooser_->Choose(logits, ops_->Stage(rows));
  chooser_->Post();
  return chooser_->Take(logits, slots);
}

at::Tensor StepRunner::RunChunk(const PrefillChunk& chunk) {
  const SequenceSlots::Table& table = slots_.at(chunk.slot);
  const auto count = static_cast<int64_t>(chunk.ids.size());
  TORCH_CHECK(count > 0 && chunk.positions.size() == 3 * chunk.ids.size(), "a chunk of ", count,
              " tokens has ", chunk.positions.size(), " positions");
  std::vector<int32_t> cache_rows(count);
  for (int64_t i = 0; i < count; ++i) {
    cache_rows[i] = slots_.CacheRow(table, chunk.first + i);
  }
  SequenceSlots::Table blocks = table;
  const int64_t table_tokens = ops_->TableTokens(chunk.first + count);
  blocks.resize(std::max(table.size(), static_cast<size_t>(limits_.BlocksFor(table_tokens))),
                table.front());
  arena_->Reset();
  at::Tensor hidden = arena_->Take(count, config_.text.hidden_size, at::kFloat);
  ops_->GatherRows(hidden, weights_->text().embedding, ops_->Stage(chunk.ids));
  for (const PageRows& page : chunk.pages) {
    at::Tensor rows = hidden.narrow(0, page.first_token, page.num_tokens);
    vision_.Load(page.page, page.first_row, rows);
  }
  return decoder_.Forward({.positions = ops_->Stage(chunk.positions).view({3, count}),
                           .cache_rows = ops_->Stage(cache_rows),
                           .num_wanted = chunk.samples ? 1 : 0,
                           .chunk = {.blocks = ops_->Stage(blocks), .first = chunk.first}},
                          hidden);
}

void StepRunner::BeginDecode(std::span<const DecodeWork> rows, Step& step) {
  const int64_t padded = ops_->PaddedRows(static_cast<int64_t>(rows.size()));
  decode_inputs_.Fill(rows, padded, slots_);
  at::Tensor& logits = decode_logits_[padded];
  ops_->Repeat(padded, [&] {
    arena_->Reset();
    at::Tensor hidden = arena_->Take(padded, config_.text.hidden_size, at::kFloat);
    const at::Tensor slots = decode_inputs_.slots(padded);
    ops_->EmbedSlots(hidden, weights_->text().embedding, chooser_->last_tokens(), slots);
    decoder_.Forward({.positions = decode_inputs_.positions(padded),
                      .cache_rows = decode_inputs_.cache_rows(padded),
                      .num_wanted = padded,
                      .sequences = decode_inputs_.sequences(padded)},
                     hidden);
    logits = decoder_.Logits(hidden);
    chooser_->Choose(logits, slots);
  });
  chooser_->Post();
  step.logits = logits;
  for (const DecodeWork& row : rows) step.decode_slots.push_back(row.slot);
}

std::vector<ComponentMemory> StepRunner::memory() const {
  std::vector<ComponentMemory> components = ops_->PlannedMemory();
  if (components.empty()) return HostMemory();
  for (ComponentMemory& memory : components) {
    const std::string_view component = memory.component;
    if (component == "kv") memory.used_bytes = used_kv_bytes();
    if (component == "vision") memory.used_bytes = vision_.outputs().used_bytes();
  }
  return components;
}

int64_t StepRunner::used_kv_bytes() const {
  return kv_.num_bytes() / limits_.num_blocks * slots_.num_blocks_used();
}

std::vector<ComponentMemory> StepRunner::HostMemory() const {
  const int64_t activations = arena_->num_bytes() + vision_.work_bytes();
  return {
      {.device = "host",
       .component = "weights",
       .reserved_bytes = weights_->num_bytes(),
       .used_bytes = weights_->num_bytes()},
      {.device = "host",
       .component = "kv",
       .reserved_bytes = kv_.num_bytes(),
       .used_bytes = used_kv_bytes()},
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
