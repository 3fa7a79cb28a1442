#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string_view>

#include "absl/status/statusor.h"
#include "vlm_service/engine/active_request.h"
#include "vlm_service/engine/memory_stages.h"
#include "vlm_service/engine/request.h"
#include "vlm_service/engine/request_door.h"
#include "vlm_service/engine/request_memory.h"
#include "vlm_service/engine/statistics.h"
#include "vlm_service/engine/step_executor.h"
#include "vlm_service/scheduler/scheduler.h"

namespace glyph::vlm {

// What the model's tokens mean.
struct TokenMeaning {
  std::function<std::string_view(int32_t id)> bytes;  // raw bytes; empty for special tokens
  std::set<int32_t> stop_ids;                         // end an answer, write nothing
};

// What the engine thread does, without the thread: applies commands, runs steps, tells sinks. Every
// request it is given ends in exactly one OnFinished or OnError, after its id left the door and its
// count reached the statistics.
// Not thread-safe; everything by reference outlives it.
class StepLoop {
 public:
  StepLoop(StepExecutor& executor, const StepBudget& budget, TokenMeaning tokens, Clock clock,
           RequestDoor& door, Statistics& statistics);

  // Commands for requests that have ended are dropped.
  void Apply(Command command);

  // Ends every request whose deadline has passed.
  void ExpireDeadlines();

  // Runs a step to its end, and perhaps begins the next. False: there is nothing to do until the
  // next command. UNAVAILABLE EXECUTOR_FAILED, or NON_FINITE_LOGITS after the third such row within
  // a minute: no step may follow; the caller ends all requests with this status.
  absl::StatusOr<bool> Step();

  // Waits for a step that was begun; what it did is lost, and may be done again by the next one.
  void AwaitStep();

  // Ends every request with `status`.
  void EndAll(const absl::Status& status);

  // The earliest deadline; infinite when there is none.
  absl::Duration next_deadline() const;

 private:
  using Requests = std::map<SequenceId, ActiveRequest>;

  void Begin(BeginCommand command);
  void OfferPage(const OfferPageCommand& command);
  void AddPage(AddPageCommand command);
  void FinishPrompt(const FinishPromptCommand& command);
  void Cancel(const CancelCommand& command);
  // A step failed. True: only its newest request ended, and the others go on.
  absl::StatusOr<bool> FailStep(const absl::Status& status);
  // Adds to the prompt's counts. False: it is beyond its bound, and the request has ended.
  bool CountPrompt(Requests::iterator request, const Prompt& fragment);

  // step_report.cc
  absl::Status Report(const CommittedStep& step, const StepResult& result);
  // False: there was nothing to tell.
  bool TellNotices();
  void ReportToken(SequenceId sequence, const SampledToken& sampled);
  void FinishSample(Requests::iterator request, size_t index, FinishReason reason);
  absl::Status FailNonFinite(SequenceId sequence);

  void Fail(Requests::iterator request, const absl::Status& status);
  // Frees all of the request and counts its end. The caller then tells the sink.
  ActiveRequest TakeEnded(Requests::iterator request, int64_t& counter);
  void Publish();
  // EngineCounts::largest_request_bytes, now.
  int64_t LargestRequestBytes() const;

  // The request that a sample's sequence belongs to; end() once it has ended.
  Requests::iterator RequestOf(SequenceId sequence);

  StepExecutor& executor_;
  const TokenMeaning tokens_;
  const Clock clock_;
  RequestDoor& door_;
  Statistics& statistics_;
  MemoryStages memory_stages_;
  const RequestMemory request_memory_;
  Scheduler scheduler_;
  Requests requests_;  // by the sequence of their first sample
  EngineCounts counts_;
  std::deque<absl::Duration> non_finite_;  // when rows were, lately
};

}  // namespace glyph::vlm
