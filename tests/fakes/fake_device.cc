#include "tests/fakes/fake_device.h"

#include <algorithm>
#include <utility>

#include "proto/base/check.h"

namespace glyph::vlm {
namespace {

constexpr uint32_t kSeed = 2166136261u;

uint32_t Mix(uint32_t hash, uint32_t value) {
  hash = (hash ^ value) * 0x85EBCA6Bu;
  return hash ^ (hash >> 15);
}

uint32_t HashOf(const PageImage& image, const PageGrid& grid) {
  uint32_t hash =
      Mix(Mix(kSeed, static_cast<uint32_t>(grid.rows)), static_cast<uint32_t>(grid.cols));
  for (const uint8_t byte : image.key) hash = Mix(hash, byte);
  return hash;
}

// A row's slot: named by one chunk, fork or decode row of a plan at most.
void Claim(std::set<SequenceSlot>& rows, SequenceSlot slot) {
  GLYPH_CHECK(rows.insert(slot).second);
}

}  // namespace

std::optional<int32_t> HashModel(const FakeQuery& query) {
  uint32_t hash = Mix(kSeed, static_cast<uint32_t>(query.num_outputs));
  hash = Mix(hash, static_cast<uint32_t>(query.seed));
  for (const uint32_t value : query.cached) hash = Mix(hash, value);
  for (const int32_t id : query.observed) hash = Mix(hash, static_cast<uint32_t>(id));
  return static_cast<int32_t>(hash >> 24);
}

FakeDevice::FakeDevice(const ExecutorLimits& limits, FakeModel model)
    : limits_(limits),
      model_(std::move(model)),
      cells_(static_cast<size_t>(limits.pool_tokens())),
      num_tables_(static_cast<size_t>(limits.num_blocks)) {}

std::vector<SampledToken> FakeDevice::Run(const StepPlan& plan) {
  Release(plan);
  Start(plan);
  Edit(plan);
  for (const BlockCopy& copy : plan.block_copies) Copy(copy);
  for (const VisionSlice& slice : plan.vision) Encode(slice);
  GLYPH_CHECK(page_tokens() <= limits_.max_vision_tokens);
  std::set<SequenceSlot> rows, sampling;
  std::vector<SampledToken> tokens;
  for (const PrefillChunk& chunk : plan.prefill) {
    Claim(rows, chunk.slot);
    Prefill(chunk);
    if (chunk.samples) sampling.insert(chunk.slot);
    if (chunk.samples) tokens.push_back(Sample(chunk.slot));
  }
  for (const SlotFork& fork : plan.forks) {
    Claim(rows, fork.to);
    Fork(fork, sampling);
    tokens.push_back(Sample(fork.to));
  }
  for (const DecodeWork& work : plan.decode) {
    Claim(rows, work.slot);
    Decode(work);
    tokens.push_back(Sample(work.slot));
  }
  for (const SlotStart& start : plan.started_slots) GLYPH_CHECK(rows.contains(start.slot));
  return tokens;
}

void FakeDevice::Fail(const StepPlan& plan, bool at_the_end) {
  if (at_the_end) {
    Run(plan);
  } else {
    Release(plan);
  }
  failed_ = true;
}

void FakeDevice::Release(const StepPlan& plan) {
  for (const SequenceSlot id : plan.released_slots) {
    const auto slot = slots_.find(id);
    GLYPH_CHECK(failed_ || slot != slots_.end());
    if (slot == slots_.end()) continue;
    Forget(slot->second);
    slots_.erase(slot);
  }
  for (const PageId page : plan.released_pages) {
    GLYPH_CHECK(pages_.erase(page) == 1 || failed_);
    if (failed_) seen_pages_.erase(page);
  }
  failed_ = false;
}

void FakeDevice::Start(const StepPlan& plan) {
  for (const SlotStart& start : plan.started_slots) {
    const auto index = static_cast<int32_t>(start.slot);
    GLYPH_CHECK(index >= 0 && index < limits_.max_slots && !slots_.contains(start.slot));
    slots_[start.slot].sampling = start.sampling;
  }
}

void FakeDevice::Edit(const StepPlan& plan) {
  for (const TableEdit& edit : plan.table_edits) {
    AddToTable(slots_.at(edit.slot), edit.block, edit.index);
  }
}

void FakeDevice::AddToTable(Slot& slot, BlockId block, int32_t index) {
  const auto size = static_cast<int32_t>(slot.table.size());
  GLYPH_CHECK(index >= 0 && index <= size);
  if (index == size) slot.table.push_back(block);
  BlockId& entry = slot.table[static_cast<size_t>(index)];
  if (index < size) --num_tables_[static_cast<size_t>(entry)];
  GLYPH_CHECK(std::count(slot.table.begin(), slot.table.end(), block) == (index == size ? 1 : 0));
  entry = block;
  ++num_tables_.at(static_cast<size_t>(block));
}

void FakeDevice::Forget(const Slot& slot) {
  for (const BlockId block : slot.table) --num_tables_[static_cast<size_t>(block)];
}

std::span<FakeDevice::Cell> FakeDevice::Block(BlockId block) {
  const auto tokens = static_cast<size_t>(limits_.block_tokens);
  GLYPH_CHECK(static_cast<int32_t>(block) >= 0 && static_cast<int32_t>(block) < limits_.num_blocks);
  return std::span(cells_).subspan(static_cast<size_t>(block) * tokens, tokens);
}

void FakeDevice::Copy(const BlockCopy& copy) {
  GLYPH_CHECK(copy.from != copy.to && num_tables_.at(static_cast<size_t>(copy.to)) == 1);
  const std::span<Cell> from = Block(copy.from);
  std::copy(from.begin(), from.end(), Block(copy.to).begin());
}

bool FakeDevice::Scramble(BlockId block) {
  if (num_tables_.at(static_cast<size_t>(block)) > 0) return false;
  for (Cell& cell : Block(block)) cell = {Mix(cell.value, 1), cell.id ^ 1, cell.finite};
  return true;
}

void FakeDevice::Encode(const VisionSlice& slice) {
  if (slice.first_unit == 0) {
    GLYPH_CHECK(slice.image != nullptr && seen_pages_.insert(slice.page).second);
    pages_[slice.page] = {HashOf(*slice.image, slice.grid), slice.grid, 0,
                          !std::exchange(spoil_page_, false)};
  }
  Page& page = pages_.at(slice.page);
  GLYPH_CHECK(slice.image != nullptr && HashOf(*slice.image, slice.grid) == page.hash);
  GLYPH_CHECK(slice.num_units > 0 && slice.first_unit == page.num_units_done);
  page.num_units_done += slice.num_units;
  GLYPH_CHECK(page.num_units_done <= limits_.VisionUnits(page.grid));
}

// Tokens found in the cache must be there: those of text are compared.
void FakeDevice::Observe(Slot& slot, const PrefillChunk& chunk) {
  GLYPH_CHECK(!slot.has_chosen);
  GLYPH_CHECK(chunk.first == slot.num_cached + static_cast<int64_t>(chunk.reused_ids.size()));
  for (const int32_t id : chunk.reused_ids) {
    const auto at = static_cast<size_t>(slot.num_cached++);
    const auto tokens = static_cast<size_t>(limits_.block_tokens);
    GLYPH_CHECK(Block(slot.table.at(at / tokens))[at % tokens].id == id);
  }
  const int64_t num_new = static_cast<int64_t>(chunk.reused_ids.size() + chunk.ids.size());
  GLYPH_CHECK(chunk.num_output_ids >= 0 && chunk.num_output_ids <= num_new);
  GLYPH_CHECK(slot.num_outputs == 0 || chunk.num_output_ids == num_new);
  slot.num_outputs += chunk.num_output_ids;
  slot.observed.insert(slot.observed.end(), chunk.reused_ids.begin(), chunk.reused_ids.end());
  slot.observed.insert(slot.observed.end(), chunk.ids.begin(), chunk.ids.end());
}

void FakeDevice::Prefill(const PrefillChunk& chunk) {
  Slot& slot = slots_.at(chunk.slot);
  GLYPH_CHECK(!chunk.ids.empty() && chunk.positions.size() == 3 * chunk.ids.size());
  Observe(slot, chunk);
  std::vector<Cell> cells = ChunkCells(chunk);
  if (std::exchange(spoil_chunk_, false)) cells.front().finite = false;
  for (const Cell& cell : cells) Write(slot, cell);
  slot.next_position = chunk.positions.back() + 1;
}

std::vector<FakeDevice::Cell> FakeDevice::ChunkCells(const PrefillChunk& chunk) const {
  const size_t count = chunk.ids.size();
  std::vector<Cell> cells(count);
  for (size_t i = 0; i < count; ++i) {
    cells[i] = {Mix(kSeed, static_cast<uint32_t>(chunk.ids[i])), chunk.ids[i], true};
  }
  ReadPages(chunk, cells);
  for (size_t i = 0; i < count; ++i) {
    for (size_t axis = 0; axis < 3; ++axis) {
      cells[i].value =
          Mix(cells[i].value, static_cast<uint32_t>(chunk.positions[axis * count + i]));
    }
  }
  return cells;
}

// Negative ids are image tokens: each must stand for one row of a page that is encoded.
void FakeDevice::ReadPages(const PrefillChunk& chunk, std::vector<Cell>& cells) const {
  std::vector<bool> read(cells.size());
  for (const PageRows& rows : chunk.pages) {
    const Page& page = pages_.at(rows.page);
    GLYPH_CHECK(page.num_units_done == limits_.VisionUnits(page.grid));
    GLYPH_CHECK(rows.first_row >= 0 && rows.num_tokens > 0);
    GLYPH_CHECK(rows.first_row + rows.num_tokens <= page.grid.num_tokens());
    for (int64_t i = 0; i < rows.num_tokens; ++i) {
      const auto token = static_cast<size_t>(rows.first_token + i);
      GLYPH_CHECK(token < cells.size() && !read[token]);
      read[token] = true;
      cells[token].value = Mix(page.hash, static_cast<uint32_t>(rows.first_row + i));
      cells[token].finite = page.finite;
    }
  }
  for (size_t i = 0; i < cells.size(); ++i) GLYPH_CHECK(read[i] || cells[i].id >= 0);
}

// The fork has a sampler and a token of its own; all else is as before the parent's token.
void FakeDevice::Fork(const SlotFork& fork, const std::set<SequenceSlot>& sampling) {
  const auto index = static_cast<int32_t>(fork.to);
  GLYPH_CHECK(index >= 0 && index < limits_.max_slots && !slots_.contains(fork.to));
  GLYPH_CHECK(sampling.contains(fork.from));
  Slot slot = slots_.at(fork.from);
  slot.sampling = fork.sampling;
  slot.observed.pop_back();
  --slot.num_outputs;
  for (const BlockId block : slot.table) ++num_tables_[static_cast<size_t>(block)];
  slots_[fork.to] = std::move(slot);
}

void FakeDevice::Decode(const DecodeWork& work) {
  Slot& slot = slots_.at(work.slot);
  GLYPH_CHECK(slot.has_chosen);
  GLYPH_CHECK(work.kv_length == slot.num_cached && work.position == slot.next_position);
  const int32_t id = slot.observed.back();
  const auto position = static_cast<uint32_t>(slot.next_position++);
  uint32_t value = Mix(kSeed, static_cast<uint32_t>(id));
  for (int axis = 0; axis < 3; ++axis) value = Mix(value, position);
  Write(slot, {value, id, true});
}

// A block that two tables hold is never written: whoever writes has copied it before.
void FakeDevice::Write(Slot& slot, const Cell& cell) {
  const int64_t index = slot.num_cached++;
  GLYPH_CHECK(slot.num_cached <= limits_.context_tokens);
  const BlockId block = slot.table.at(static_cast<size_t>(index / limits_.block_tokens));
  GLYPH_CHECK(num_tables_[static_cast<size_t>(block)] == 1);
  Block(block)[static_cast<size_t>(index % limits_.block_tokens)] = cell;
}

SampledToken FakeDevice::Sample(SequenceSlot id) {
  Slot& slot = slots_.at(id);
  const auto block_tokens = static_cast<size_t>(limits_.block_tokens);
  std::vector<uint32_t> cached;
  bool finite = true;
  for (size_t i = 0; i < static_cast<size_t>(slot.num_cached); ++i) {
    const Cell& cell = Block(slot.table[i / block_tokens])[i % block_tokens];
    cached.push_back(cell.value);
    finite = finite && cell.finite;
  }
  std::optional<int32_t> token;
  if (finite) token = model_({cached, slot.observed, slot.num_outputs, slot.sampling.seed});
  SampledToken sampled;
  sampled.slot = id;
  sampled.token = token.value_or(0);
  sampled.finite = token.has_value();
  if (slot.sampling.num_logprobs) {
    sampled.logprob = -0.5f;
    sampled.top_logprobs.assign(static_cast<size_t>(*slot.sampling.num_logprobs),
                                {sampled.token, -0.5f});
  }
  slot.observed.push_back(sampled.token);
  ++slot.num_outputs;
  slot.has_chosen = true;
  return sampled;
}

int64_t FakeDevice::page_tokens() const {
  int64_t tokens = 0;
  for (const auto& [id, page] : pages_) tokens += page.grid.num_tokens();
  return tokens;
}

}  // namespace glyph::vlm
