#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vlm_service/kv_cache/block_hash.h"
#include "vlm_service/kv_cache/block_table.h"
#include "vlm_service/prompt/prompt.h"
#include "vlm_service/scheduler/plan.h"
#include "vlm_service/scheduler/sequence_id.h"

namespace glyph::vlm {

// A further sample of a sequence's prompt.
struct SampleFork {
  SequenceId id{};
  SamplingParams sampling;
};

// What a sequence needs at most, and how it is to be treated.
struct SequenceSpec {
  SequenceId id{};
  int64_t max_prompt_tokens = 0;
  int64_t max_output_tokens = 1;  // at least 1, forced ones included
  SamplingParams sampling;
  std::vector<int32_t> forced_output_ids;  // the output begins with these, fewer than its maximum
  std::vector<SampleFork> forks;           // ids above the spec's own; none with forced ids
  int32_t priority = 0;                    // higher runs first
  std::string tenant;                      // shares caches with nobody else
};

// One page of a sequence.
struct SequencePage {
  ContentHash name;
  PageGrid grid;
  int64_t first_token = 0;                 // of the sequence
  std::shared_ptr<const PageImage> image;  // from its arrival on: a preemption may need it again
  enum class Offer { kOpen, kNeed, kHave };
  Offer offer = Offer::kOpen;  // whether its pixels are asked for
  bool encoded_here = false;   // some of it at least, for this sequence
  std::optional<PageId> held;  // its vision output, or a part of it

  int64_t end_token() const { return first_token + grid.num_tokens(); }
};

// One sequence: its tokens, which of them are computed, and what it holds. Only the scheduler
// changes it. Known tokens are the prompt's so far, then the output's.
struct Sequence {
  enum class Phase {
    kWaiting,  // in the queue or preempted: holds no block and no slot
    kPrefill,  // holds a slot and blocks for its known tokens and the prompt's bound
    kDecode,   // the slot chose the last known token itself
  };

  explicit Sequence(SequenceSpec s);

  // Appends what became known of the prompt.
  void AppendPrompt(const Prompt& fragment);
  void AppendOutput(int32_t token);

  // Chain names of all full blocks of known tokens are in block_names afterwards.
  void NameFullBlocks(int32_t block_tokens);

  // The next block is not wholly known yet: whether a cache has it will show.
  bool AwaitsBlock(int32_t block_tokens) const {
    return !prompt_complete && num_known() < (num_computed / block_tokens + 1) * block_tokens;
  }

  int64_t num_known() const { return static_cast<int64_t>(ids.size()); }
  int64_t num_outputs() const { return prompt_complete ? num_known() - num_prompt_tokens : 0; }
  // M-RoPE position of known token or next output `index` on `axis`.
  int32_t position(int axis, int64_t index) const;

  SequenceSpec spec;
  Phase phase = Phase::kWaiting;
  bool was_admitted = false;
  int64_t num_reused = 0;    // tokens found in the cache since it was admitted last
  std::vector<int32_t> ids;  // known tokens
  std::array<std::vector<int32_t>, 3> positions;  // of the prompt's
  int64_t num_prompt_tokens = 0;
  int32_t next_position = 0;  // of the token after the prompt so far
  bool prompt_complete = false;
  std::vector<SequencePage> pages;  // in the order of the prompt
  size_t num_announced_pages = 0;   // as ready
  std::vector<ContentHash> block_names;

  // While it holds a slot.
  SequenceSlot slot{};
  bool slot_started = false;  // the executor knows the slot
  BlockTable blocks;
  int32_t num_promised_blocks = 0;       // that it may still take without asking
  int32_t num_synced_blocks = 0;         // of the table: the executor knows them
  int64_t num_computed = 0;              // known tokens in the cache
  int64_t num_observed = 0;              // known tokens the slot's sampler heard of in chunks
  std::vector<SequenceSlot> fork_slots;  // kept for spec.forks until they begin
};

}  // namespace glyph::vlm
