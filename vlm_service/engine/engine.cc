#include "vlm_service/engine/engine.h"

#include <algorithm>
#include <utility>

#include "proto/rpc/error.h"

namespace glyph::vlm {

Engine::Engine(std::unique_ptr<StepExecutor> executor, TokenMeaning tokens, Clock clock,
               EngineOptions options)
    : executor_(std::move(executor)),
      limits_(executor_->limits()),
      tokens_(std::move(tokens)),
      clock_(std::move(clock)),
      options_(std::move(options)),
      door_(options_.max_waiting),
      statistics_(executor_->limits()),
      thread_([this] { Run(); }) {}

Engine::~Engine() {
  {
    base::MutexLock lock(mutex_);
    stop_ = true;
  }
  changed_.NotifyOne();
  thread_.join();
}

absl::StatusOr<SequenceId> Engine::Begin(Request request) {
  if (request.timeout <= absl::ZeroDuration()) {
    return rpc::MakeError(absl::StatusCode::kDeadlineExceeded,
                          {.reason = "DEADLINE_EXCEEDED", .field = "", .retry_after = {}},
                          "the deadline passed before the request began; allow more time");
  }
  SequenceSpec spec;
  spec.max_prompt_tokens = request.max_prompt_tokens;
  spec.max_output_tokens = request.max_output_tokens;
  spec.forks.resize(static_cast<size_t>(request.num_samples - 1));
  GLYPH_RETURN_IF_ERROR(CheckFits(spec, limits_));
  base::MutexLock lock(mutex_);
  // Under the same lock as the push: after the door closes, CloseAndEndAll finds every command.
  GLYPH_RETURN_IF_ERROR(door_.Enter(request.id));
  const SequenceId sequence{next_sequence_};
  next_sequence_ += request.num_samples;
  commands_.push_back(BeginCommand{sequence, std::move(request), clock_()});
  changed_.NotifyOne();
  return sequence;
}

void Engine::OfferPage(SequenceId sequence, const ContentHash& name, Prompt fragment) {
  Push(OfferPageCommand{sequence, name, std::move(fragment)});
}

void Engine::AddPage(SequenceId sequence, std::shared_ptr<const PageImage> image) {
  Push(AddPageCommand{sequence, std::move(image)});
}

void Engine::FinishPrompt(SequenceId sequence, Prompt fragment) {
  Push(FinishPromptCommand{sequence, std::move(fragment)});
}

void Engine::Cancel(SequenceId sequence) { Push(CancelCommand{sequence, absl::OkStatus()}); }

void Engine::Abort(SequenceId sequence, absl::Status failure) {
  Push(CancelCommand{sequence, std::move(failure)});
}

void Engine::Push(Command command) {
  base::MutexLock lock(mutex_);
  if (!healthy_) return;  // its request has ended; nobody takes commands any more
  commands_.push_back(std::move(command));
  changed_.NotifyOne();
}

void Engine::Drain() {
  door_.Close(rpc::Unavailable("DRAINING", absl::Seconds(1),
                               "this server is shutting down; retry on another one"));
}

EngineStats Engine::Stats() {
  EngineStats stats = statistics_.Read(clock_());
  stats.waiting = door_.num_waiting() + stats.counts.preempted;
  return stats;
}

void Engine::Run() {
  StepLoop loop(*executor_, options_.budget, tokens_, clock_, door_, statistics_);
  std::vector<Command> commands;
  bool busy = false;
  while (TakeCommands(/*wait=*/!busy, loop.next_deadline(), commands)) {
    for (Command& command : commands) loop.Apply(std::move(command));
    commands.clear();
    loop.ExpireDeadlines();
    const absl::StatusOr<bool> worked = loop.Step();
    if (!worked.ok()) {
      healthy_ = false;
      CloseAndEndAll(loop, worked.status());
      options_.on_failure();
      return;
    }
    busy = *worked;
  }
  loop.AwaitStep();
  CloseAndEndAll(loop, rpc::Unavailable("STOPPED", absl::Seconds(1),
                                        "this server stopped; retry on another one"));
}

bool Engine::TakeCommands(bool wait, absl::Duration deadline, std::vector<Command>& commands) {
  base::MutexLock lock(mutex_);
  while (wait && commands_.empty() && !stop_) {
    if (deadline == absl::InfiniteDuration()) {
      changed_.Wait(mutex_);
    } else if (!changed_.WaitFor(mutex_, absl::ToChronoNanoseconds(deadline - clock_()))) {
      break;
    }
  }
  if (stop_) return false;  // CloseAndEndAll takes what is left
  commands.swap(commands_);
  return true;
}

void Engine::CloseAndEndAll(StepLoop& loop, const absl::Status& status) {
  door_.Close(status);
  std::vector<Command> commands;
  {
    base::MutexLock lock(mutex_);
    commands.swap(commands_);
  }
  for (Command& command : commands) loop.Apply(std::move(command));
  loop.EndAll(status);
}

}  // namespace glyph::vlm
