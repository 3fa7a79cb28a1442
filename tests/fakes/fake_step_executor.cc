#include "tests/fakes/fake_step_executor.h"

#include <algorithm>
#include <utility>

#include "proto/base/check.h"

namespace glyph::vlm {
namespace {

uint32_t Mix(uint32_t hash, uint32_t value) { return (hash ^ value) * 16777619u; }

}  // namespace

std::optional<int32_t> HashModel(std::span<const int32_t> cached, size_t prompt_tokens) {
  uint32_t hash = Mix(2166136261u, static_cast<uint32_t>(prompt_tokens));
  for (const int32_t value : cached) hash = Mix(hash, static_cast<uint32_t>(value));
  return static_cast<int32_t>(hash >> 24);
}

FakeStepExecutor::FakeStepExecutor(const ExecutorLimits& limits, FakeModel model)
    : limits_(limits),
      model_(std::move(model)),
      cells_(static_cast<size_t>(limits.num_blocks) * static_cast<size_t>(limits.block_tokens)) {}

void FakeStepExecutor::Submit(StepPlan plan) {
  base::MutexLock lock(mutex_);
  GLYPH_CHECK(!plan_.has_value() && !plan.empty());
  plan_ = std::move(plan);
}

absl::StatusOr<StepResult> FakeStepExecutor::Collect() {
  base::MutexLock lock(mutex_);
  GLYPH_CHECK(plan_.has_value());
  while (pause_) {
    paused_ = true;
    changed_.NotifyAll();
    changed_.Wait(mutex_);
  }
  paused_ = false;
  const StepPlan plan = *std::exchange(plan_, std::nullopt);
  if (!next_status_.ok()) return std::exchange(next_status_, absl::OkStatus());
  ++num_steps_;
  Release(plan);
  for (const VisionWork& work : plan.vision) Encode(work);
  StepResult result;
  std::set<SequenceSlot> rows;
  for (const PrefillWork& work : plan.prefill) {
    GLYPH_CHECK(rows.insert(work.slot).second);
    result.tokens.push_back(Prefill(work));
  }
  for (const DecodeWork& work : plan.decode) {
    GLYPH_CHECK(rows.insert(work.slot).second);
    result.tokens.push_back(Decode(work));
  }
  result.vision_ms = static_cast<double>(plan.vision.size());
  result.prefill_ms = static_cast<double>(plan.prefill.size());
  result.decode_ms = static_cast<double>(plan.decode.size());
  changed_.NotifyAll();
  return result;
}

void FakeStepExecutor::Release(const StepPlan& plan) {
  for (const SequenceSlot slot : plan.released_slots) GLYPH_CHECK(slots_.erase(slot) == 1);
  for (const PageId page : plan.released_pages) GLYPH_CHECK(pages_.erase(page) == 1);
}

void FakeStepExecutor::Encode(const VisionWork& work) {
  GLYPH_CHECK(work.image != nullptr && seen_pages_.insert(work.page).second);
  pages_[work.page] = {work.image, work.grid};
  int64_t tokens = 0;
  for (const auto& [id, page] : pages_) tokens += page.grid.num_tokens();
  GLYPH_CHECK(tokens <= limits_.max_vision_tokens);
}

void FakeStepExecutor::CheckBlocks(const PrefillWork& work) {
  std::set<BlockId> taken;
  for (const auto& [id, slot] : slots_) taken.insert(slot.blocks.begin(), slot.blocks.end());
  for (const BlockId block : work.blocks) {
    GLYPH_CHECK(static_cast<int32_t>(block) >= 0);
    GLYPH_CHECK(static_cast<int32_t>(block) < limits_.num_blocks);
    GLYPH_CHECK(taken.insert(block).second);
  }
}

SampledToken FakeStepExecutor::Prefill(const PrefillWork& work) {
  const auto slot_index = static_cast<int32_t>(work.slot);
  GLYPH_CHECK(slot_index >= 0 && slot_index < limits_.max_slots && !slots_.contains(work.slot));
  CheckBlocks(work);
  GLYPH_CHECK(work.pages.size() == work.prompt->pages.size());
  std::vector<int32_t> cells = work.prompt->ids;
  for (size_t i = 0; i < work.pages.size(); ++i) {
    const HeldPage& page = pages_.at(work.pages[i]);
    const PromptPage& place = work.prompt->pages[i];
    GLYPH_CHECK(place.grid.rows == page.grid.rows && place.grid.cols == page.grid.cols);
    uint32_t hash = 0;
    for (const uint8_t byte : page.image->key) hash = Mix(hash, byte);
    for (int64_t token = 0; token < place.grid.num_tokens(); ++token) {
      cells[static_cast<size_t>(place.first_token + token)] =
          static_cast<int32_t>(Mix(hash, static_cast<uint32_t>(token)));
    }
  }
  Slot& slot = slots_[work.slot];
  slot.blocks = work.blocks;
  slot.prompt_tokens = cells.size();
  slot.next_position = work.prompt->next_position;
  for (const int32_t cell : cells) Write(slot, cell);
  return Sample(work.slot, slot);
}

SampledToken FakeStepExecutor::Decode(const DecodeWork& work) {
  GLYPH_CHECK(slots_.contains(work.slot));
  Slot& slot = slots_.at(work.slot);
  GLYPH_CHECK(work.kv_length == slot.cached && work.position == slot.next_position);
  ++slot.next_position;
  Write(slot, slot.last_token);
  return Sample(work.slot, slot);
}

void FakeStepExecutor::Write(Slot& slot, int32_t value) {
  const int64_t index = slot.cached++;
  GLYPH_CHECK(slot.cached <= limits_.context_tokens);
  const auto block = static_cast<size_t>(index / limits_.block_tokens);
  GLYPH_CHECK(block < slot.blocks.size());
  cells_[static_cast<size_t>(slot.blocks[block]) * static_cast<size_t>(limits_.block_tokens) +
         static_cast<size_t>(index % limits_.block_tokens)] = value;
}

SampledToken FakeStepExecutor::Sample(SequenceSlot id, Slot& slot) {
  std::vector<int32_t> cached;
  const auto block_tokens = static_cast<size_t>(limits_.block_tokens);
  for (size_t i = 0; i < static_cast<size_t>(slot.cached); ++i) {
    const auto block = static_cast<size_t>(slot.blocks[i / block_tokens]);
    cached.push_back(cells_[block * block_tokens + i % block_tokens]);
  }
  const std::optional<int32_t> token = model_(cached, slot.prompt_tokens);
  slot.last_token = token.value_or(0);
  SampledToken sampled;
  sampled.slot = id;
  sampled.token = slot.last_token;
  sampled.finite = token.has_value();
  return sampled;
}

std::vector<ComponentMemory> FakeStepExecutor::memory() const {
  base::MutexLock lock(mutex_);
  int64_t vision = 0;
  for (const auto& [id, page] : pages_) vision += page.grid.num_tokens();
  return {{"host", "weights", 1000, 1000}, {"host", "vision", limits_.max_vision_tokens, vision}};
}

void FakeStepExecutor::Pause() {
  base::MutexLock lock(mutex_);
  pause_ = true;
}

void FakeStepExecutor::Resume() {
  base::MutexLock lock(mutex_);
  pause_ = false;
  changed_.NotifyAll();
}

void FakeStepExecutor::AwaitPaused() {
  base::MutexLock lock(mutex_);
  while (!paused_) changed_.Wait(mutex_);
}

void FakeStepExecutor::AwaitSteps(int64_t count) {
  base::MutexLock lock(mutex_);
  while (num_steps_ < count) changed_.Wait(mutex_);
}

void FakeStepExecutor::AwaitEmpty() {
  base::MutexLock lock(mutex_);
  while (!slots_.empty() || !pages_.empty()) changed_.Wait(mutex_);
}

void FakeStepExecutor::FailNextStep(absl::Status status) {
  base::MutexLock lock(mutex_);
  next_status_ = std::move(status);
}

int64_t FakeStepExecutor::num_steps() const {
  base::MutexLock lock(mutex_);
  return num_steps_;
}

int64_t FakeStepExecutor::num_pages_encoded() const {
  base::MutexLock lock(mutex_);
  return static_cast<int64_t>(seen_pages_.size());
}

int64_t FakeStepExecutor::num_used_slots() const {
  base::MutexLock lock(mutex_);
  return static_cast<int64_t>(slots_.size());
}

int64_t FakeStepExecutor::num_held_pages() const {
  base::MutexLock lock(mutex_);
  return static_cast<int64_t>(pages_.size());
}

}  // namespace glyph::vlm
