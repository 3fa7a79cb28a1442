#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string_view>

#include "absl/status/statusor.h"
#include "vlm_service/engine/active_request.h"
#include "vlm_service/engine/request.h"
#include "vlm_service/engine/request_door.h"
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

  // Runs one step. False: there is nothing to do until the next command. UNAVAILABLE
  // EXECUTOR_FAILED: no step may follow; the caller ends all requests with this status.
  absl::StatusOr<bool> Step();

  // Ends every request with `status`.
  void EndAll(const absl::Status& status);

  // The earliest deadline; infinite when there is none.
  absl::Duration next_deadline() const;

 private:
  void Begin(BeginCommand command);
  void AddPage(AddPageCommand command);
  void FinishPrompt(FinishPromptCommand command);
  void Cancel(const CancelCommand& command);
  void AdmitWaiting();
  void ReportPages(const CommittedStep& step, const StepResult& result);
  void ReportToken(SequenceId sequence, const SampledToken& sampled);
  void Finish(SequenceId sequence, FinishReason reason, std::string tail_text);
  void Fail(SequenceId sequence, const absl::Status& status);
  // Frees all of the request and counts its end. The caller then tells the sink.
  ActiveRequest TakeEnded(SequenceId sequence, int64_t& counter);
  void Publish();

  StepExecutor& executor_;
  const TokenMeaning tokens_;
  const Clock clock_;
  RequestDoor& door_;
  Statistics& statistics_;
  Scheduler scheduler_;
  std::map<SequenceId, ActiveRequest> requests_;
  EngineCounts counts_;
};

// The scheduler's limits of an executor.
SchedulerLimits SchedulerLimitsOf(const ExecutorLimits& limits);

}  // namespace glyph::vlm
