#pragma once
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "vlm_service/kv_cache/block_hash.h"
#include "vlm_service/kv_cache/block_table.h"
#include "vlm_service/scheduler/sequence.h"
#include "vlm_service/scheduler/step_cost.h"

namespace glyph::vlm {

// One prefill chunk of the step in flight.
struct ChunkInFlight {
  SequenceId id{};
  int64_t num_tokens = 0;
  bool samples = false;
};

// What a sequence held that ended while it had a row in flight.
struct EndedRow {
  SequenceSlot slot{};
  BlockTable blocks;
};

// What Scheduler::Commit must know of a step that was planned.
struct StepInFlight {
  std::vector<ChunkInFlight> chunks;
  std::vector<Sequence*> decode;   // null: the sequence has ended since
  std::vector<EndedRow> ended;     // theirs
  std::vector<SequenceId> vision;  // whose pages are worked on
  LinearCost::Features decode_features = {};
  LinearCost::Features prefill_features = {};
  std::unordered_set<ContentHash> blocks;  // that the chunks complete

  bool OnlyDecodes() const { return chunks.empty() && vision.empty(); }
};

}  // namespace glyph::vlm
