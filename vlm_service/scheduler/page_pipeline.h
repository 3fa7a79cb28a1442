#pragma once
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "vlm_service/scheduler/executor_limits.h"
#include "vlm_service/scheduler/plan.h"
#include "vlm_service/scheduler/scheduler_notices.h"
#include "vlm_service/scheduler/sequence.h"
#include "vlm_service/scheduler/step_budget.h"
#include "vlm_service/scheduler/step_cost.h"
#include "vlm_service/scheduler/vision_cache.h"

namespace glyph::vlm {

// The way of a page from its offer to its last prefill chunk: asks for pixels at most two pages
// ahead of what is ready, encodes at most two pages ahead of what is prefilled, in the order of the
// prompt, and holds a page's output until its tokens are in the KV cache. So a document of any
// length passes through an arena of two pages, and sequences cannot block each other over it: who
// holds room can always go on and give it back, and while somebody waits for room to begin with, it
// goes to nobody who comes after.
// A page may stand for its pixels (HAVE): it is then held until its sequence ends, because a
// preemption could need it again; the largest page always keeps its room beside those.
// Not thread-safe: part of the scheduler.
class PagePipeline {
 public:
  explicit PagePipeline(const ExecutorLimits& limits)
      : limits_(limits), cache_(limits.max_vision_tokens) {}

  // Answers the offers of an admitted sequence that can be answered now.
  void DecideOffers(Sequence& sequence, SchedulerNotices& notices);

  // The first page that is asked for and has no pixels.
  static void AddImage(Sequence& sequence, std::shared_ptr<const PageImage> image);

  // Tells of pages that became ready, in order.
  void Announce(Sequence& sequence, SchedulerNotices& notices, SchedulerCounts& counts);

  // Adds units of the sequence's next pages to the plan while there is room; the first unit of a
  // plan always goes. What it predicts to take is taken from the room and returned, ms.
  double Plan(Sequence& sequence, const StepCost& cost, StepPlan& plan, StepRoom& room);

  // The step that was planned has run. Returns the features of its vision work.
  LinearCost::Features Commit(SchedulerCounts& counts);

  // The step that was planned has failed: its pages begin anew.
  void Abandon();

  // How far known tokens may be prefilled: up to the first page that will not be encoded by then.
  int64_t PrefillEnd(const Sequence& sequence) const;

  // Whether the sequence holds an output only until its tokens are computed.
  static bool NeedsRoom(const Sequence& sequence);

  // Gives back outputs whose tokens are computed.
  void DropPassed(Sequence& sequence);
  // Gives back all outputs, for a preemption those only whose pixels are there.
  void DropAll(Sequence& sequence, bool keep_haves);
  // A fork holds what its parent holds, and its parent's pages are announced once.
  void HoldAgain(Sequence& fork);

  VisionCache& cache() { return cache_; }
  const VisionCache& cache() const { return cache_; }
  int64_t num_have_tokens() const { return num_have_tokens_; }

 private:
  bool TryHave(SequencePage& page);
  bool IsReady(const Sequence& sequence, const SequencePage& page) const;
  bool IsAllButCached(const Sequence& sequence, const SequencePage& page) const;
  // Pages begun, those of the step that is planned included.
  int32_t num_in_work() const;
  bool WillBeEncoded(const SequencePage& page) const;
  bool TryHold(SequencePage& page, bool may_add);
  void Drop(SequencePage& page);

  const ExecutorLimits limits_;
  VisionCache cache_;
  std::unordered_map<PageId, int32_t> in_step_;  // units of the step in flight
  LinearCost::Features step_features_ = {};
  int64_t num_have_tokens_ = 0;  // of holds that stand for pixels
};

}  // namespace glyph::vlm
