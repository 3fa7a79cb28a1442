#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/base/mutex.h"
#include "vlm_service/engine/request.h"
#include "vlm_service/engine/request_door.h"
#include "vlm_service/engine/statistics.h"
#include "vlm_service/engine/step_executor.h"
#include "vlm_service/engine/step_loop.h"

namespace glyph::vlm {

struct EngineOptions {
  int32_t max_waiting = 128;  // requests not yet admitted
  StepBudget budget;
  // Called once by the engine thread, after every request has been told, when the executor failed:
  // the process should stop serving and exit non-zero.
  std::function<void()> on_failure = [] {};
};

// Runs requests on one executor: one thread owns sequences, blocks and plans; any thread may submit
// and cancel. A request is begun; its pages are offered in order, and those whose pixels are asked
// for (OnPageDecision) are added; then the prompt ends:
//   GLYPH_ASSIGN_OR_RETURN(SequenceId id, engine.Begin(std::move(request)));
//   engine.OfferPage(id, HashPage(...), stream.Take());
//   engine.AddPage(id, image);  // ... for every page
//   engine.FinishPrompt(id, stream.Take());
// Its sink hears the rest. Calls for a request that has ended do nothing. Thread-safe; no call
// waits for a step.
class Engine {
 public:
  Engine(std::unique_ptr<StepExecutor> executor, TokenMeaning tokens, Clock clock,
         EngineOptions options);
  // Open requests end with UNAVAILABLE.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Joins the queue. On an error the sink hears nothing: what CheckFits and RequestDoor::Enter say;
  // DEADLINE_EXCEEDED when `request.timeout` is not above 0.
  absl::StatusOr<SequenceId> Begin(Request request);

  // The prompt goes on with `fragment`, which ends with the one page `name`. The caller keeps to
  // the request's bound; decisions come at most two pages ahead of OnPageEncoded.
  void OfferPage(SequenceId sequence, const ContentHash& name, Prompt fragment);

  // The pixels of the next page that was asked for.
  void AddPage(SequenceId sequence, std::shared_ptr<const PageImage> image);

  // The rest of the prompt, when all pixels asked for were added. A request without pages need not
  // wait for OnAdmitted.
  void FinishPrompt(SequenceId sequence, Prompt fragment);

  // Ends the request within one step, because its client cancelled it ...
  void Cancel(SequenceId sequence);
  // ... or because of an error found outside the engine; the sink hears `failure`.
  void Abort(SequenceId sequence, absl::Status failure);

  // Refuses new requests with UNAVAILABLE; open ones run to their end.
  void Drain();

  // False once the executor failed.
  bool healthy() const { return healthy_; }
  EngineStats Stats();
  const ExecutorLimits& limits() const { return limits_; }

 private:
  void Push(Command command);
  void Run();
  // Waits until there is a command, `deadline` comes or the engine stops. False: stop.
  bool TakeCommands(bool wait, absl::Duration deadline, std::vector<Command>& commands);
  void CloseAndEndAll(StepLoop& loop, const absl::Status& status);

  const std::unique_ptr<StepExecutor> executor_;
  const ExecutorLimits limits_;
  const TokenMeaning tokens_;
  const Clock clock_;
  const EngineOptions options_;
  RequestDoor door_;
  Statistics statistics_;
  std::atomic<bool> healthy_ = true;

  base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<Command> commands_ GLYPH_GUARDED_BY(mutex_);  // bounded by the door
  int64_t next_sequence_ GLYPH_GUARDED_BY(mutex_) = 1;
  bool stop_ GLYPH_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace glyph::vlm
