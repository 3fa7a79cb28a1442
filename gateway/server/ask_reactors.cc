#include "gateway/server/ask_reactors.h"

#include <utility>

#include "gateway/routing/ask_validation.h"
#include "gateway/server/ask_assembler.h"
#include "gateway/server/ask_session.h"
#include "gateway/server/caller.h"
#include "gateway/server/client_deadline.h"
#include "proto/rpc/error.h"
#include "proto/rpc/status_conversion.h"

namespace glyph::gateway {
namespace {

template <typename Reactor>
AnswerStream::Transport TransportOf(Reactor& reactor) {
  return {[&reactor](const v1::AskResponse& event) { reactor.StartWrite(&event); },
          [&reactor](const absl::Status& status) { reactor.Finish(rpc::ToGrpcStatus(status)); }};
}

class AskReactor final : public grpc::ServerWriteReactor<v1::AskResponse> {
 public:
  AskReactor(ServerServices& services, const grpc::CallbackServerContext& context,
             const v1::AskRequest& request)
      : session_(services, TransportOf(*this)) {
    absl::StatusOr<Caller> caller = CallerOf(services.keys, context);
    absl::Status status = caller.status();
    if (status.ok()) status = ValidateAsk(request);
    if (status.ok()) status = session_.Admit(request.request_id(), *std::move(caller));
    if (status.ok()) {
      session_.Run(request, ClientDeadline(context));
    } else {
      session_.Fail(status);
    }
  }

 private:
  void OnWriteDone(bool ok) override { session_.OnWritten(ok); }
  void OnCancel() override { session_.Cancel(); }
  void OnDone() override { delete this; }

  AskSession session_;
};

class AskStreamReactor final
    : public grpc::ServerBidiReactor<v1::AskStreamRequest, v1::AskResponse> {
 public:
  AskStreamReactor(ServerServices& services, const grpc::CallbackServerContext& context)
      : context_(context),
        assembler_(services.input_budget),
        session_(services, TransportOf(*this)),
        caller_(CallerOf(services.keys, context)) {
    if (caller_.ok()) {
      StartRead(&message_);
    } else {
      session_.Fail(caller_.status());
    }
  }

 private:
  void OnReadDone(bool ok) override {
    const absl::Status status = ok ? Take() : RunAssembled();
    if (!status.ok()) return session_.Fail(status);
    if (ok) StartRead(&message_);
  }
  void OnWriteDone(bool ok) override { session_.OnWritten(ok); }
  void OnCancel() override { session_.Cancel(); }
  void OnDone() override { delete this; }

  // One message of the client. The call is admitted with the first one, before it may grow.
  absl::Status Take() {
    const bool admitted = assembler_.start() != nullptr;
    GLYPH_RETURN_IF_ERROR(assembler_.Add(std::move(message_)));
    return admitted ? absl::OkStatus() : session_.Admit(assembler_.start()->request_id(), *caller_);
  }

  // The client half-closed.
  absl::Status RunAssembled() {
    GLYPH_ASSIGN_OR_RETURN(v1::AskRequest request, assembler_.Finish());
    session_.Run(std::move(request), ClientDeadline(context_));
    return absl::OkStatus();
  }

  const grpc::CallbackServerContext& context_;
  v1::AskStreamRequest message_;
  AskAssembler assembler_;
  AskSession session_;
  const absl::StatusOr<Caller> caller_;
};

}  // namespace

grpc::ServerWriteReactor<v1::AskResponse>* StartAsk(ServerServices& services,
                                                    grpc::CallbackServerContext& context,
                                                    const v1::AskRequest& request) {
  return new AskReactor(services, context, request);
}

grpc::ServerBidiReactor<v1::AskStreamRequest, v1::AskResponse>* StartAskStream(
    ServerServices& services, grpc::CallbackServerContext& context) {
  return new AskStreamReactor(services, context);
}

}  // namespace glyph::gateway
