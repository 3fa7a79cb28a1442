#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "vlm_service/kv_cache/block_table.h"
#include "vlm_service/scheduler/plan.h"

namespace glyph::vlm {

// Names one sequence for the life of the process. Ids grow in the order of arrival.
enum class SequenceId : int64_t {};

// What a sequence needs at most; the scheduler reserves it before the first page comes.
struct SequenceSpec {
  SequenceId id{};
  int64_t max_prompt_tokens = 0;
  int64_t max_visual_tokens = 0;  // of the prompt's tokens, those of pages
  int64_t max_output_tokens = 1;  // at least 1
  SamplingParams sampling;
};

// One page of a sequence on its way through the encoder.
struct SequencePage {
  enum class State { kPending, kInStep, kEncoded };
  PageId id{};
  std::shared_ptr<const PageImage> image;  // dropped once encoded
  PageGrid grid;
  State state = State::kPending;
};

// State of one sequence; only the scheduler changes it.
struct Sequence {
  enum class Phase {
    kWaiting,    // in the queue, holds nothing
    kReceiving,  // holds slot, blocks and vision room; its pages are encoded as they come
    kRunning,    // prefilled; decodes one token a step
  };
  SequenceSpec spec;
  Phase phase = Phase::kWaiting;
  SequenceSlot slot{};                   // from kReceiving on
  BlockTable blocks;                     // from kReceiving on
  int64_t vision_reserved = 0;           // image tokens, until the step after the prefill
  std::vector<SequencePage> pages;       // in the order of the prompt
  std::shared_ptr<const Prompt> prompt;  // null until complete
  bool slot_used = false;                // a plan named the slot: the executor must hear of its end
  int64_t num_output_tokens = 0;
};

}  // namespace glyph::vlm
