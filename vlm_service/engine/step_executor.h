#pragma once
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "vlm_service/scheduler/executor_limits.h"
#include "vlm_service/scheduler/plan.h"

namespace glyph::vlm {

// Memory of one component of the executor, bytes.
struct ComponentMemory {
  const char* device;     // "host", "gpu0"
  const char* component;  // "weights", "kv", "vision", "activations", ...
  int64_t reserved_bytes = 0;
  int64_t used_bytes = 0;
};

// What a GPU's driver counted for this process at a moment of its life, bytes.
struct StageMemory {
  const char* stage;  // vlm.proto, StageMemory
  int64_t bytes = 0;
};

// Runs steps in the order they are submitted: owns every tensor, knows nothing of requests. At most
// limits().max_steps_in_flight are submitted and not collected. All calls come from the engine
// thread.
class StepExecutor {
 public:
  virtual ~StepExecutor() = default;
  virtual const ExecutorLimits& limits() const = 0;

  // Starts a step. The plan keeps to the limits; a plan that breaks them is a bug and CHECK-fails.
  // A step that follows one in flight only decodes, and no row of the two wants logits or the
  // likeliest tokens.
  virtual void Submit(StepPlan plan) = 0;

  // Waits for the oldest step that was not collected. RESOURCE_EXHAUSTED: memory ran out in the
  // step. It released what its plan released; the slots it named and the pages it worked on must be
  // released before they are used again, and the next step may follow. One that followed already
  // means nothing. Any other error condemns the executor: every sequence is lost.
  virtual absl::StatusOr<StepResult> Collect() = 0;

  virtual std::vector<ComponentMemory> memory() const = 0;

  // The stages up to "loaded"; empty where no driver counts.
  virtual std::vector<StageMemory> load_stages() const { return {}; }
  // What the driver counts for this process now; it takes its time. 0 where there is none.
  virtual int64_t MeasureDriverBytes() const { return 0; }
};

}  // namespace glyph::vlm
