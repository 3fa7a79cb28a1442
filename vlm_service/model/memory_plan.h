#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace glyph::vlm {

// What a model needs of a GPU, bytes, and what there is.
struct MemoryNeeds {
  int64_t total_bytes = 0;    // of the device
  int64_t free_bytes = 0;     // before anything of ours but the context was allocated
  int64_t context_bytes = 0;  // what the driver and its libraries took for this process
  int64_t budget_bytes =
      0;  // that this process may hold, the context included; 0: all that is free
  int64_t weights_bytes = 0;
  int64_t vision_bytes = 0;       // outputs of pages
  int64_t activations_bytes = 0;  // intermediate tensors
  int64_t page_bytes = 0;         // of each page that is being encoded
  int64_t workspace_bytes = 0;
  int64_t graphs_bytes = 0;  // that the driver will take for them ...
  int64_t code_bytes = 0;    // ... and for kernels it loads when they first run
  int64_t block_bytes = 0;   // one KV block, its part of workspaces included
  int64_t min_blocks = 1;
  int64_t max_blocks = 0;
  int64_t max_pages = 1;      // encoded at once, ...
  int64_t wished_blocks = 1;  // ... as far as that leaves the cache so many
};

// Who gets what; all of it is allocated at the start, the cache as one piece of its own and one
// that the workspace grows by.
struct MemoryPlan {
  std::map<std::string, int64_t> component_bytes;  // weights, vision, activations, workspace
  int64_t num_blocks = 0;
  int64_t num_pages = 1;      // encoded at once
  int64_t planned_bytes = 0;  // all above included; within the budget
  int64_t budget_bytes = 0;
};

// The cache gets what the others leave. RESOURCE_EXHAUSTED when that is less than min_blocks, or
// the budget is more than is free: the message has needed and available bytes.
absl::StatusOr<MemoryPlan> PlanMemory(const MemoryNeeds& needs);

}  // namespace glyph::vlm
