#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "vlm_service/kv_cache/block_id.h"
#include "vlm_service/prompt/page_image.h"
#include "vlm_service/sampling/sampler.h"

namespace glyph::vlm {

// A place in the executor's per-sequence state (block table, last token, sampler), 0 ..
// ExecutorLimits::max_slots - 1. The scheduler hands it out; it is free again once released.
enum class SequenceSlot : int32_t {};

// Names the vision output of one page while the executor holds it. Never given to another page.
enum class PageId : int64_t {};

// A slot begins a sequence with an empty block table.
struct SlotStart {
  SequenceSlot slot;
  SamplingParams sampling;
  bool return_logits = false;  // with every token (tools only)
};

// Sets table[index] of the slot to `block`; index is at most the table's size.
struct TableEdit {
  SequenceSlot slot;
  int32_t index = 0;
  BlockId block;
};

// Copies the keys and values of a whole block, every layer. Copies are made in the plan's order: a
// block that one of them reads may be written by a later one.
struct BlockCopy {
  BlockId from;
  BlockId to;
};

// Units [first_unit, first_unit + num_units) of a page's encoding; a page has
// ExecutorLimits::VisionUnits(grid). The units of one page come in order, over one or more steps;
// with the last one the output is held under `page` until a plan releases it. Slices of several
// pages may alternate. A page released before its last unit is forgotten.
struct VisionSlice {
  PageId page;
  std::shared_ptr<const PageImage> image;
  PageGrid grid;
  int32_t first_unit = 0;
  int32_t num_units = 0;
};

// Rows of a page's vision output that stand for image tokens of a chunk. The page was encoded by
// earlier plans or by this one: vision work runs first.
struct PageRows {
  PageId page;
  int64_t first_row = 0;    // of the page's tokens
  int64_t first_token = 0;  // index in PrefillChunk::ids
  int64_t num_tokens = 0;
};

// Runs known tokens of a slot's sequence; their keys and values go to the cache at `first`,
// first + 1, ... The cache holds everything before `first` already.
struct PrefillChunk {
  SequenceSlot slot;
  int64_t first = 0;
  std::vector<int32_t> ids;        // [count], at least 1
  std::vector<int32_t> positions;  // [3, count]: time, height, width
  std::vector<PageRows> pages;
  // Tokens since the slot's last chunk (or its start) that were found in the cache and are not run:
  // only the sampler's penalties need them. They end at `first`.
  std::vector<int32_t> reused_ids;
  int64_t num_output_ids = 0;  // of reused_ids then ids, this many at the end are outputs
  bool samples = false;        // ids ends with the last known token: choose the next one
};

// A second sequence continues where `from` stands after its chunk of this plan, which samples: the
// table and the tokens so far are copied, and a token of its own is chosen from the same logits.
struct SlotFork {
  SequenceSlot from;
  SequenceSlot to;
  SamplingParams sampling;
};

// Feeds the slot's last token and chooses the next one. The token's value is the executor's affair,
// so that a plan can be made before the host has seen it.
struct DecodeWork {
  SequenceSlot slot;
  int64_t kv_length = 0;  // tokens in the cache before this one; it is written at this index
  int32_t position = 0;   // on all three axes
};

// What one step does, in this order. Slots and pages may be released that the executor does not
// know, since a step that failed may not have begun them. A slot is in at most one chunk, fork or
// decode row.
struct StepPlan {
  std::vector<SequenceSlot> released_slots;
  std::vector<PageId> released_pages;
  std::vector<SlotStart> started_slots;
  std::vector<TableEdit> table_edits;
  std::vector<BlockCopy> block_copies;
  std::vector<VisionSlice> vision;
  std::vector<PrefillChunk> prefill;
  std::vector<SlotFork> forks;
  std::vector<DecodeWork> decode;

  // Edits and copies wait for a plan with work, so they need not be asked for.
  bool empty() const {
    return released_slots.empty() && released_pages.empty() && started_slots.empty() &&
           vision.empty() && prefill.empty() && decode.empty();
  }
};

// The token a row chose.
struct SampledToken {
  SequenceSlot slot;
  int32_t token = 0;
  bool finite = true;  // false: the logits held NaN or Inf, `token` means nothing
  // Only with SamplingParams::num_logprobs.
  float logprob = 0;                       // of `token`
  std::vector<TokenLogprob> top_logprobs;  // the likeliest, falling
  std::vector<float> logits;  // [vocab_size] before any penalty, only with return_logits
};

// What one step did.
struct StepResult {
  // Of chunks that sample, then of forks, then of decode rows, each in the plan's order.
  std::vector<SampledToken> tokens;
  double vision_ms = 0;
  double prefill_ms = 0;
  double decode_ms = 0;
};

}  // namespace glyph::vlm
