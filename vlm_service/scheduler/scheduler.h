#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "vlm_service/kv_cache/block_pool.h"
#include "vlm_service/scheduler/admission.h"
#include "vlm_service/scheduler/fair_share.h"
#include "vlm_service/scheduler/page_pipeline.h"
#include "vlm_service/scheduler/plan.h"
#include "vlm_service/scheduler/scheduler_notices.h"
#include "vlm_service/scheduler/sequence.h"
#include "vlm_service/scheduler/sequence_order.h"
#include "vlm_service/scheduler/step_budget.h"
#include "vlm_service/scheduler/step_cost.h"
#include "vlm_service/scheduler/step_in_flight.h"

namespace glyph::vlm {

// Decides what each step does: decode rows of all running sequences, then chunks of prompts and
// units of pages as the step's time allows, by priority and fair share. Blocks for a prompt are
// promised at admission; output grows block by block, and when none is left the youngest sequence
// of the lowest priority is preempted: it waits and later recomputes what the caches lost, to the
// same tokens. Equal prefixes and pages are computed once.
//   scheduler.Enqueue(spec); ...
//   scheduler.Admit();
//   StepPlan plan = scheduler.Plan();
//   ... tell TakeNotices() ...
//   executor.Submit(plan); result = executor.Collect();
//   for (auto row : scheduler.Commit(result).rows) ...;  Finish() those that ended.
// Plan and Admit want no step in flight; while one with chunks or pages is, only Enqueue may be
// called besides. Not thread-safe. Broken preconditions CHECK-fail.
class Scheduler {
 public:
  Scheduler(const ExecutorLimits& limits, const StepBudget& budget);

  // Appends to the queue. `spec` passed CheckFits and its id is above all earlier ones, those of
  // forks included.
  void Enqueue(SequenceSpec spec);

  // Lets waiting sequences in, by priority, fair share and arrival, until one does not fit.
  void Admit();

  // The prompt goes on with `fragment`, which ends with the one page `name`. A notice says whether
  // its pixels are needed. Within the spec's bound.
  void OfferPage(SequenceId id, const ContentHash& name, const Prompt& fragment);

  // The pixels of the first page that was asked for and did not come yet.
  void AddPage(SequenceId id, std::shared_ptr<const PageImage> image);

  // The prompt ends with `fragment`: at least one token, no page. Every page asked for has come.
  void FinishPrompt(SequenceId id, const Prompt& fragment);

  // Ends a sequence in any phase: all it held is free for the next plan, but for a row in flight.
  void Finish(SequenceId id);

  // What the sequence computed is wrong: nobody shares it from now on.
  void Poison(SequenceId id);

  // The steps in flight failed. Who was admitted waits again, as after a preemption, and the pages
  // it worked on begin anew. Returns the newest sequence it worked for, if any.
  std::optional<SequenceId> Abandon();

  // The next step; empty when there is nothing to do. CHECK-fails on a sequence that has all its
  // output tokens: it must be finished.
  StepPlan Plan();

  // The step after the one in flight, before that one's tokens are known: its decode rows once
  // more, without those that have all their output tokens then. Empty when CanRunAhead says so or
  // blocks run out.
  StepPlan PlanAhead();

  // Records what the oldest step in flight did. Forks begin here.
  CommittedStep Commit(const StepResult& result);

  SchedulerNotices TakeNotices();  // also while a step is in flight

  // CHECK-fails when something is held although there is no sequence, or counts disagree.
  void CheckIdle() const;

  bool Contains(SequenceId id) const { return sequences_.contains(id); }
  const Sequence& Get(SequenceId id) const { return sequences_.at(id); }
  const SchedulerCounts& counts() const { return counts_; }
  const BlockPool& pool() const { return pool_; }
  const VisionCache& vision() const { return pages_.cache(); }
  int32_t num_waiting() const { return static_cast<int32_t>(waiting_.all().size()); }
  int32_t num_preempted() const;  // of those waiting, who ran before
  int32_t num_admitted() const { return static_cast<int32_t>(admitted_.all().size()); }
  int32_t num_free_slots() const { return static_cast<int32_t>(free_slots_.size()); }
  int32_t num_promised_blocks() const { return num_promised_; }
  int32_t num_in_flight() const { return static_cast<int32_t>(steps_.size()); }

 private:
  Sequence& Find(SequenceId id);
  FairShare& SharesOf(int32_t priority);
  // Those in `phase`, by priority, fair share and arrival.
  std::vector<Sequence*> InOrder(Sequence::Phase phase);
  bool TryAdmit(Sequence& sequence);
  void Release(Sequence& sequence);
  void Preempt(Sequence& sequence);
  void Promise(Sequence& sequence, int64_t tokens);
  // Whether sequences may change.
  bool IsOpen() const { return steps_.empty() || (steps_.size() == 1 && steps_[0].OnlyDecodes()); }
  int32_t num_unpromised() const { return pool_.num_free() + pool_.num_cached() - num_promised_; }

  // run_ahead.cc
  // Not beyond max_steps_in_flight, behind work other than decoding or logits that the host reads,
  // nor where a usual plan may serve somebody else sooner.
  bool CanRunAhead() const;
  bool TryOutlive(Sequence& sequence);
  void FreeEnded(StepInFlight& step);

  // step_planning.cc
  void ReusePrefix(Sequence& sequence);
  bool TryShareBlock(Sequence& sequence, int32_t index);
  bool TryMakeRoom(Sequence& sequence, int64_t end, StepPlan& plan);
  void SyncTable(Sequence& sequence, int64_t end, StepPlan& plan);
  void PlanDecode(StepPlan& plan);
  void PlanPrefill(StepPlan& plan);
  double PlanChunk(Sequence& sequence, StepPlan& plan, double& budget_ms);
  int64_t ChunkTokens(const Sequence& sequence, bool forced, double budget_ms) const;
  PrefillChunk MakeChunk(const Sequence& sequence, int64_t end) const;

  // step_commit.cc
  void CommitComputed(Sequence& sequence, int64_t num_tokens);
  void CommitToken(Sequence& sequence, int32_t token);
  SequenceId BeginFork(Sequence& parent, size_t index, int32_t token);

  const ExecutorLimits limits_;
  const StepBudget budget_;
  BlockPool pool_;                            // outlives the tables in sequences_
  std::map<SequenceId, Sequence> sequences_;  // in order of arrival
  SequenceOrder waiting_;                     // by priority and arrival
  SequenceOrder admitted_;                    // all others, likewise
  PagePipeline pages_;
  std::map<int32_t, FairShare> shares_;  // by priority; of sequences that wait or prefill
  StepCost cost_;
  std::vector<SequenceSlot> free_slots_;
  int32_t num_promised_ = 0;                  // blocks of all sequences
  std::vector<SequenceSlot> released_slots_;  // for the next plan
  std::vector<TableEdit> table_edits_;        // for the next plan, before those of its rows
  std::deque<StepInFlight> steps_;            // in flight, or being planned; the oldest first
  SchedulerNotices notices_;
  SchedulerCounts counts_;
};

}  // namespace glyph::vlm
