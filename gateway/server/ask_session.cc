#include "gateway/server/ask_session.h"

#include <utility>

#include "gateway/routing/upstream_error.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
AskSession::AskSession(ServerServices& services, AnswerStream::Transport transport)
    : services_(services),
      stream_(std::make_shared<AnswerStream>(AnswerStream::Transport{
          std::move(transport.write),
          [this, finish = std::move(transport.finish)](const absl::Status& status) {
            Close(status);
            finish(status);  // the reactor may delete this session at once
          }})) {}

absl::Status AskSession::Admit(const std::string& request_id, Caller caller) {
  GLYPH_ASSIGN_OR_RETURN(RequestGate::Ticket ticket,
                         services_.gate.Admit(request_id, std::move(caller)));
  base::MutexLock lock(mutex_);
  ticket_.emplace(std::move(ticket));
  return absl::OkStatus();
}

void AskSession::Run(v1::AskRequest request, absl::Time client_deadline) {
  const absl::Time deadline = UpstreamDeadline(services_.flow.now(), client_deadline);
  std::shared_ptr<DocumentFlow> flow;
  {
    base::MutexLock lock(mutex_);
    if (cancelled_) return;
    request.set_request_id(ticket_->request_id());
    flow = flow_ = DocumentFlow::Create(services_.flow, std::move(request),
                                        UpstreamCall(deadline, "", ticket_->caller()), stream_);
  }
  flow->Start();
}

void AskSession::Cancel() {
  std::shared_ptr<DocumentFlow> flow;
  {
    base::MutexLock lock(mutex_);
    cancelled_ = true;
    flow = flow_;
  }
  if (flow == nullptr) return Fail(CancelledByClient());
  flow->Cancel();
}

void AskSession::OnWritten(bool ok) {
  if (!stream_->OnWritten(ok)) return;
  if (auto running = flow()) running->Resume();
}

std::shared_ptr<DocumentFlow> AskSession::flow() {
  base::MutexLock lock(mutex_);
  return flow_;
}

// Before the client hears the end, so that it may use its request id again.
void AskSession::Close(const absl::Status& status) {
  services_.flow.metrics.CountRequest(status.code());
  base::MutexLock lock(mutex_);
  ticket_.reset();
}

}  // namespace glyph::gateway
