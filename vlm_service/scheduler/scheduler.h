#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "vlm_service/kv_cache/block_pool.h"
#include "vlm_service/scheduler/admission.h"
#include "vlm_service/scheduler/plan.h"
#include "vlm_service/scheduler/sequence.h"

namespace glyph::vlm {

// Work one step takes at most, in tokens. The first page and the first prompt always go, so that
// no size starves.
struct StepBudget {
  int64_t vision_tokens = 2048;
  int64_t prefill_tokens = 2048;
};

// A sequence that left the queue.
struct Admission {
  SequenceId id;
  int64_t reserved_tokens;  // whole blocks
};

// Rows of a step that ended.
struct CommittedStep {
  struct Page {
    SequenceId sequence;
    int32_t index;  // of the sequence's pages
    int64_t visual_tokens;
  };
  std::vector<Page> encoded;     // in the plan's order
  std::vector<SequenceId> rows;  // prefill, then decode: one for each StepResult::tokens
  int64_t prefilled_tokens = 0;  // of all prompts in the step
};

// Decides what each step does: first come, first served, with slot, KV blocks and vision room
// reserved up front, so that an admitted sequence always runs to its end. A sequence whose pages
// are still coming holds its reservation but keeps nobody from running.
//   scheduler.Enqueue(spec); ...
//   for (const Admission& a : scheduler.Admit()) ...;
//   executor.Submit(scheduler.Plan()); result = executor.Collect(); scheduler.Commit();
//   ... Finish() the sequences that ended.
// One step in flight: between Plan (unless empty) and Commit only Admit's inputs may change, that
// is, nothing but Enqueue may be called. Not thread-safe. Broken preconditions CHECK-fail.
class Scheduler {
 public:
  Scheduler(const SchedulerLimits& limits, const StepBudget& budget);

  // Appends to the queue. `spec` passed CheckFits and its id is above all earlier ones.
  void Enqueue(const SequenceSpec& spec);

  // Takes sequences from the head of the queue while slot, blocks and vision room last.
  std::vector<Admission> Admit();

  // The next page of an admitted sequence whose prompt is not complete. Within the spec's bound.
  void AddPage(SequenceId id, std::shared_ptr<const PageImage> image, PageGrid grid);

  // The whole prompt, over the pages added; within the spec's bound. Gives back what was reserved
  // beyond it. The sequence may still wait for admission if it has no pages.
  void FinishPrompt(SequenceId id, std::shared_ptr<const Prompt> prompt);

  // Ends a sequence in any phase: everything it held is free for the next plan.
  void Finish(SequenceId id);

  // The next step; empty when there is nothing to do. A page goes in as soon as it is there, a
  // prompt once all its pages are encoded (or are in this step), and every running sequence
  // decodes. CHECK-fails on a running sequence that has all its output tokens: it must be finished.
  StepPlan Plan();

  // Records that the step planned last succeeded.
  CommittedStep Commit();

  int32_t num_waiting() const { return static_cast<int32_t>(waiting_.size()); }
  int32_t num_admitted() const { return static_cast<int32_t>(sequences_.size() - waiting_.size()); }
  int32_t num_used_blocks() const { return pool_.capacity() - pool_.num_free(); }
  int32_t num_free_slots() const { return static_cast<int32_t>(free_slots_.size()); }
  int64_t vision_tokens_reserved() const { return vision_reserved_; }

 private:
  Sequence& Get(SequenceId id);
  bool TryAdmit(Sequence& sequence);
  void ReleaseVision(Sequence& sequence);
  void PlanVision(StepPlan& plan);
  void PlanPrefill(StepPlan& plan);
  void PlanDecode(StepPlan& plan);

  const SchedulerLimits limits_;
  const StepBudget budget_;
  BlockPool pool_;                            // outlives the tables in sequences_
  std::map<SequenceId, Sequence> sequences_;  // in order of arrival
  std::deque<SequenceId> waiting_;
  std::vector<SequenceSlot> free_slots_;
  int64_t vision_reserved_ = 0;
  int64_t next_page_id_ = 0;
  std::vector<SequenceSlot> released_slots_;  // for the next plan
  std::vector<PageId> released_pages_;        // for the next plan
  bool in_flight_ = false;
  CommittedStep step_;  // what the step in flight does
};

}  // namespace glyph::vlm
