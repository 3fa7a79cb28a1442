#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "vlm_service/scheduler/sequence_id.h"

namespace glyph::vlm {

// What the scheduler decided since it was last asked; to be told to clients.
struct SchedulerNotices {
  struct Admission {
    SequenceId id{};
    int64_t reserved_tokens = 0;  // whole blocks
    bool again = false;           // after a preemption
  };
  struct PageDecision {
    SequenceId id{};
    int32_t index = 0;  // of the sequence's pages
    bool have = false;  // no pixels are needed
  };
  struct PageReady {
    SequenceId id{};
    int32_t index = 0;
    int64_t visual_tokens = 0;
  };
  std::vector<Admission> admissions;
  std::vector<PageDecision> decisions;
  std::vector<PageReady> pages;
};

// Whose work a step did.
struct CommittedStep {
  // One for each of StepResult::tokens; none where the sequence ended while the step was in flight.
  std::vector<std::optional<SequenceId>> rows;
  std::vector<SequenceId> vision;  // whose pages were worked on
};

// Counts since the start.
struct SchedulerCounts {
  int64_t preemptions = 0;
  int64_t prefilled_tokens = 0;  // run, recomputed ones included
  int64_t reused_tokens = 0;     // found in the KV cache instead
  int64_t pages_encoded = 0;
  int64_t pages_reused = 0;  // ready without having been encoded for this sequence
};

}  // namespace glyph::vlm
