#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "vlm_service/engine/step_executor.h"
#include "vlm_service/scheduler/scheduler.h"

namespace glyph::vlm {

// What requests hold of the executor's memory: KV blocks and the room of encoded pages. Immutable.
class RequestMemory {
 public:
  // `memory`, the executor's, prices a block by component "kv", an image token by "vision"; what
  // has no component costs nothing.
  RequestMemory(const std::vector<ComponentMemory>& memory, const ExecutorLimits& limits);

  // Bytes that the request of sequence `first` and of the `num_samples` - 1 after it holds now.
  // A block that another sample shares with the first one counts once.
  int64_t HeldBytes(const Scheduler& scheduler, SequenceId first, size_t num_samples) const;

 private:
  int64_t block_bytes_ = 0;
  int64_t image_token_bytes_ = 0;
};

}  // namespace glyph::vlm
