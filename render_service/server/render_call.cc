#include "render_service/server/render_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/base/logging.h"
#include "proto/rpc/error.h"
#include "proto/rpc/status_conversion.h"
#include "render_service/server/render_responses.h"

namespace glyph::render {
namespace {

using Clock = std::chrono::steady_clock;

std::string Milliseconds(Clock::duration duration) {
  return absl::StrCat(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace

size_t RenderCall::Outgoing::num_bytes() const {
  const auto* page = std::get_if<RenderedPage>(&event);
  return page == nullptr ? 0 : page->pixels.size();
}

RenderCall::RenderCall(Environment environment)
    : environment_(environment),
      start_time_(Clock::now()),
      seat_(environment_.pool.TakeSeat()),
      input_(environment_.catalog) {
  if (environment_.is_draining) {
    End(rpc::Unavailable("DRAINING", absl::Seconds(1),
                         "this renderer is shutting down; retry on another one"));
    return;
  }
  if (!seat_) {
    End(rpc::ResourceExhausted(
        "RENDERER_BUSY", absl::Seconds(1),
        absl::StrCat("the renderer serves its limit of ", environment_.pool.num_seats(),
                     " calls at once; try again in a second")));
    return;
  }
  StartAlarm();
  StartRead(&request_);
}

void RenderCall::StartAlarm() {
  const auto last =
      std::chrono::system_clock::now() + absl::ToChronoNanoseconds(environment_.max_time);
  if (environment_.context->deadline() <= last) return;  // gRPC keeps the client's deadline
  base::MutexLock lock(mutex_);
  is_alarm_set_ = true;
  alarm_.Set(last, [this](bool has_expired) { OnAlarm(has_expired); });
}

void RenderCall::OnAlarm(bool has_expired) {
  Actions actions;
  {
    base::MutexLock lock(mutex_);
    is_alarm_set_ = false;
    if (has_expired && !is_finished_) {
      status_ = rpc::MakeError(absl::StatusCode::kDeadlineExceeded, {"CALL_TOO_LONG", "", {}},
                               absl::StrCat("the call took longer than the limit of ",
                                            absl::FormatDuration(environment_.max_time),
                                            "; read faster or split the document"));
      // A client that does not read would hold the message being written, and so the call, forever.
      if (is_writing_) environment_.context->TryCancel();
    }
    actions = NextActions();
  }
  Perform(actions);
}

void RenderCall::OnReadDone(bool ok) {
  if (ok) {
    if (absl::Status status = input_.Add(request_); !status.ok()) return End(std::move(status));
    {
      base::MutexLock lock(mutex_);
      if (status_) return;
    }
    return StartRead(&request_);
  }
  absl::StatusOr<std::unique_ptr<RenderTask>> task = input_.MakeTask();
  if (!task.ok()) return End(std::move(task).status());
  absl::Status allowed = environment_.quarantine.Check(input_.digest(), input_.source_field());
  if (!allowed.ok()) return End(std::move(allowed));
  Actions actions;
  {
    base::MutexLock lock(mutex_);
    task_ = *std::move(task);
    actions = NextActions();
  }
  Perform(actions);
}

void RenderCall::OnWriteDone(bool ok) {
  Actions actions;
  {
    base::MutexLock lock(mutex_);
    is_writing_ = false;
    std::vector<v1::RenderResponse>& messages = outbox_.front().messages;
    messages[next_message_].Clear();
    if (++next_message_ == messages.size()) {
      outbox_.pop_front();
      next_message_ = 0;
    }
    if (!ok && (!status_ || status_->ok())) status_ = CancelledStatus();
    actions = NextActions();
  }
  Perform(actions);
}

void RenderCall::OnCancel() { End(CancelledStatus()); }

void RenderCall::OnDone() {
  {
    base::MutexLock lock(mutex_);
    base::LogInfo("render_finished", {{"request_id", input_.request_id()},
                                      {"code", absl::StatusCodeToString(status_->code())},
                                      {"source_bytes", absl::StrCat(input_.num_bytes())},
                                      {"busy_ms", Milliseconds(busy_)},
                                      {"total_ms", Milliseconds(Clock::now() - start_time_)}});
  }
  delete this;
}

void RenderCall::End(absl::Status status) {
  Actions actions;
  {
    base::MutexLock lock(mutex_);
    if (!status_ || status_->ok()) status_ = std::move(status);
    actions = NextActions();
  }
  Perform(actions);
}

void RenderCall::RunStep(WorkerTools& tools) {
  RenderTask* task = nullptr;
  {
    base::MutexLock lock(mutex_);
    if (!status_) task = task_.get();
  }
  absl::StatusOr<RenderEvent> event = RenderEvent();
  if (task != nullptr) {
    const Clock::time_point begin = Clock::now();
    const Quarantine::Step noted(environment_.quarantine, input_.digest());
    event = task->Step(tools);
    busy_ += Clock::now() - begin;
  }
  const absl::Status stepped = event.status();
  const bool is_last = stepped.ok() && std::holds_alternative<RenderSummary>(*event);
  Outgoing outgoing;
  if (stepped.ok()) {
    outgoing.messages =
        ToResponses(*event, environment_.build_fingerprint, absl::FromChrono(busy_));
    outgoing.event = *std::move(event);
  }
  Actions actions;
  {
    base::MutexLock lock(mutex_);
    is_step_running_ = false;
    if (!outgoing.messages.empty()) outbox_.push_back(std::move(outgoing));
    if (!status_ && !stepped.ok()) status_ = stepped;
    if (!status_ && is_last) status_ = absl::OkStatus();
    if (status_) task_.reset();
    actions = NextActions();
  }
  Perform(actions);
}

absl::Status RenderCall::CancelledStatus() const {
  if (environment_.context->deadline() <= std::chrono::system_clock::now()) {
    return rpc::MakeError(absl::StatusCode::kDeadlineExceeded, {"DEADLINE_EXCEEDED", "", {}},
                          "the call's deadline passed; allow more time or split the document");
  }
  return rpc::MakeError(absl::StatusCode::kCancelled, {"CANCELLED", "", {}},
                        "the client cancelled the call");
}

RenderCall::Actions RenderCall::NextActions() {
  Actions actions;
  if (is_finished_) return actions;
  const bool is_ending = status_ && (!status_->ok() || outbox_.empty());
  if (!is_ending) {
    if (!is_writing_ && !outbox_.empty()) {
      is_writing_ = true;
      actions.write = &outbox_.front();
      actions.message = &outbox_.front().messages[next_message_];
    }
    const bool has_room = outbox_.empty() || (outbox_.size() < kMaxWaitingEvents &&
                                              outbox_.front().num_bytes() <= kMaxWaitingBytes);
    if (task_ && !status_ && !is_step_running_ && has_room) {
      is_step_running_ = true;
      actions.submit = true;
      actions.spent = busy_;
    }
    return actions;
  }
  if (is_step_running_ && !status_->ok() && task_) task_->Cancel();
  if (is_step_running_ || is_writing_) return actions;
  if (is_alarm_set_) {
    alarm_.Cancel();  // OnAlarm goes on from here
    return actions;
  }
  is_finished_ = true;
  actions.finish = *status_;
  return actions;
}

void RenderCall::Perform(const Actions& actions) {
  // With nothing to do, another thread may have ended the call and deleted this object. A step to
  // submit keeps it alive past StartWrite.
  if (actions.write != nullptr) {
    if (actions.message->has_strip()) {
      FillPixels(std::get<RenderedPage>(actions.write->event), *actions.message->mutable_strip());
    }
    StartWrite(actions.message);
  }
  if (actions.submit) {
    environment_.pool.Submit([this](WorkerTools& tools) { RunStep(tools); }, actions.spent);
  }
  if (actions.finish) Finish(rpc::ToGrpcStatus(*actions.finish));
}

}  // namespace glyph::render
