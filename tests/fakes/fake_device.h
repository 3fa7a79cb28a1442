#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "vlm_service/scheduler/executor_limits.h"
#include "vlm_service/scheduler/plan.h"

namespace glyph::vlm {

// What the next token of a sequence is chosen from.
struct FakeQuery {
  // One number for each token in the cache, made of its id or its page's key and row, and of its
  // positions.
  std::span<const uint32_t> cached;
  std::span<const int32_t> observed;  // ids the sampler has heard of, the same tokens
  int64_t num_outputs = 0;            // the last so many of them
  uint64_t seed = 0;
};

// nullopt: logits with NaN.
using FakeModel = std::function<std::optional<int32_t>(const FakeQuery& query)>;

// A hash of the whole query, in [0, 256): one wrong cell, position or observed id changes the rest
// of the answer.
std::optional<int32_t> HashModel(const FakeQuery& query);

// A device without a model: keeps the KV cache as plain numbers in blocks, so that what is written
// or read at the wrong place shows in the tokens, and CHECK-fails on every plan that breaks the
// contract of plan.h. NaN spreads as on a real one: from a spoiled page or chunk to every row that
// reads it. Not thread-safe.
class FakeDevice {
 public:
  FakeDevice(const ExecutorLimits& limits, FakeModel model);

  std::vector<SampledToken> Run(const StepPlan& plan);

  // As Run, but the step fails: after it released what the plan releases, or after all its work.
  void Fail(const StepPlan& plan, bool at_the_end);

  // The next chunk writes NaN; the next page that is begun encodes to NaN.
  void SpoilNextChunk() { spoil_chunk_ = true; }
  void SpoilNextPage() { spoil_page_ = true; }
  // Overwrites a block that no slot has in its table; false: one has.
  bool Scramble(BlockId block);

  int64_t num_slots() const { return static_cast<int64_t>(slots_.size()); }
  int64_t num_pages() const { return static_cast<int64_t>(pages_.size()); }
  int64_t num_pages_begun() const { return static_cast<int64_t>(seen_pages_.size()); }
  int64_t page_tokens() const;  // of pages held or begun

 private:
  struct Cell {
    uint32_t value = 0;
    int32_t id = 0;
    bool finite = true;
  };
  struct Slot {
    SamplingParams sampling;
    std::vector<BlockId> table;
    int64_t num_cached = 0;
    std::vector<int32_t> observed;  // ids; with a token chosen here the last of them is not cached
    int64_t num_outputs = 0;
    int32_t next_position = 0;
    bool has_chosen = false;
  };
  struct Page {
    uint32_t hash = 0;
    PageGrid grid;
    int32_t num_units_done = 0;
    bool finite = true;
  };

  void Release(const StepPlan& plan);
  void Start(const StepPlan& plan);
  void Edit(const StepPlan& plan);
  void Copy(const BlockCopy& copy);
  void Encode(const VisionSlice& slice);
  void Observe(Slot& slot, const PrefillChunk& chunk);
  void Prefill(const PrefillChunk& chunk);
  std::vector<Cell> ChunkCells(const PrefillChunk& chunk) const;
  void ReadPages(const PrefillChunk& chunk, std::vector<Cell>& cells) const;
  void Fork(const SlotFork& fork, const std::set<SequenceSlot>& sampling);
  void Decode(const DecodeWork& work);
  void Write(Slot& slot, const Cell& cell);
  SampledToken Sample(SequenceSlot id);
  std::span<Cell> Block(BlockId block);
  void AddToTable(Slot& slot, BlockId block, int32_t index);
  void Forget(const Slot& slot);

  const ExecutorLimits limits_;
  const FakeModel model_;
  std::vector<Cell> cells_;          // [num_blocks * block_tokens]
  std::vector<int32_t> num_tables_;  // that a block is in, by BlockId
  std::map<SequenceSlot, Slot> slots_;
  std::map<PageId, Page> pages_;
  std::set<PageId> seen_pages_;
  bool failed_ = false;  // the last step: what it began may have to be released
  bool spoil_chunk_ = false;
  bool spoil_page_ = false;
};

}  // namespace glyph::vlm
