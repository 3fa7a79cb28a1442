#pragma once
#include <cstdint>
#include <map>
#include <set>

#include "vlm_service/scheduler/scheduler.h"

namespace glyph::vlm {

// Fails the test when what `scheduler` holds between two steps is not what its sequences hold.
// `open`: the ids of all of them.
void ExpectConsistent(const Scheduler& scheduler, const std::set<SequenceId>& open,
                      const ExecutorLimits& limits);

// Watches that nobody waits for ever: fails the test when a sequence that could go on (its client
// is not awaited, and nobody of higher priority is open) has not changed for `patience` steps.
class PatienceChecker {
 public:
  explicit PatienceChecker(int patience) : patience_(patience) {}

  // After every step.
  void Observe(const Scheduler& scheduler, const std::set<SequenceId>& open);
  int longest() const { return longest_; }

 private:
  struct Watch {
    int64_t fingerprint = 0;
    int since = 0;  // step
  };
  const int patience_;
  int step_ = 0;
  int longest_ = 0;
  std::map<SequenceId, Watch> watches_;
};

}  // namespace glyph::vlm
