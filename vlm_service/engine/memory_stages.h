#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "vlm_service/engine/statistics.h"
#include "vlm_service/engine/step_executor.h"

namespace glyph::vlm {

// Memory of a GPU at the stages of a server's life (vlm.proto, StageMemory), measured when they are
// reached and once a second while steps run. Not thread-safe.
class MemoryStages {
 public:
  // Without `load_stages`, the executor's, none ever follows.
  explicit MemoryStages(std::vector<StageMemory> load_stages) : stages_(std::move(load_stages)) {}

  // Whether memory is to be measured now.
  bool IsDue(const EngineCounts& counts, absl::Duration now) const;
  void Record(int64_t bytes, const EngineCounts& counts, absl::Duration now);

  const std::vector<StageMemory>& stages() const { return stages_; }

 private:
  std::vector<StageMemory> stages_;
  int64_t peak_bytes_ = 0;
  absl::Duration measured_ = -absl::InfiniteDuration();
};

}  // namespace glyph::vlm
