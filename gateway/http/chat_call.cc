#include "gateway/http/chat_call.h"

#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "gateway/http/chat_request.h"
#include "gateway/http/chat_response.h"
#include "gateway/http/error_object.h"
#include "gateway/http/model_check.h"
#include "gateway/http/sse.h"
#include "gateway/http/traceparent.h"
#include "gateway/routing/upstream_error.h"
#include "proto/base/mutex.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

// Between one HTTP exchange and its flow. Alive while the server or the flow holds it. Thread-safe.
class ChatCall final : public HttpCall,
                       public AnswerSink,
                       public std::enable_shared_from_this<ChatCall> {
 public:
  ChatCall(const ApiServices& services, ChatRequest request, std::shared_ptr<HttpReply> reply)
      : services_(services), reply_(std::move(reply)), chat_(std::move(request)) {}

  void Start(const HttpRequest& request) {
    absl::StatusOr<RequestGate::Ticket> ticket =
        services_.gate.Admit(request.request_id, request.caller);
    if (!ticket.ok()) return End(ticket.status());
    {
      base::MutexLock lock(mutex_);
      ticket_.emplace(*std::move(ticket));
    }
    const UpstreamCall call(UpstreamDeadline(services_.flow.now(), absl::InfiniteFuture()),
                            ValidTraceparent(request.Header("traceparent")), request.caller);
    services_.models.Get(call.deadline,
                         [weak = weak_from_this(), call](const absl::StatusOr<v1::Model>& model) {
                           if (auto self = weak.lock()) self->Run(model, call);
                         });
  }

  void OnDrained() override {
    if (auto running = flow()) running->Resume();
  }

  void OnIdle() override GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    auto* stream = std::get_if<ChatStream>(&answer_);
    if (stream != nullptr && !ended_) WriteStream(*stream, SsePing());
  }

  void OnGone() override GLYPH_EXCLUDES(mutex_) {
    if (auto running = flow()) return running->Cancel();
    End(CancelledByClient());
  }

  void Emit(v1::AskResponse event) override GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    if (ended_) return;
    if (auto* completion = std::get_if<ChatCompletion>(&answer_)) {
      if (event.has_delta()) completion->Add(event.delta());
      if (event.has_finished()) body_ = completion->Finish(event.finished());
    } else if (auto* stream = std::get_if<ChatStream>(&answer_)) {
      if (event.has_delta()) WriteStream(*stream, stream->Add(event.delta()));
      if (event.has_finished()) WriteStream(*stream, stream->Finish(event.finished()));
    }
  }

  bool TakeBackDeltas() override GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    auto* completion = std::get_if<ChatCompletion>(&answer_);
    if (completion != nullptr) completion->Clear();
    return completion != nullptr;
  }

  bool congested() const override { return reply_->congested(); }

  void End(const absl::Status& status) override GLYPH_EXCLUDES(mutex_) {
    std::shared_ptr<DocumentFlow> flow;  // goes after the lock
    base::MutexLock lock(mutex_);
    if (std::exchange(ended_, true)) return;
    flow = std::exchange(flow_, nullptr);
    services_.flow.metrics.CountRequest(status.code());
    ticket_.reset();  // before the client hears the end, so that it may use its id again
    if (!status.ok()) return EndWithError(WithChatFields(status, chat_));
    if (begun_) return reply_->Finish(true);
    reply_->Send({200, "application/json", std::move(body_), {}});
  }

 private:
  void Run(const absl::StatusOr<v1::Model>& model, const UpstreamCall& call)
      GLYPH_EXCLUDES(mutex_) {
    if (!model.ok()) return End(model.status());
    if (absl::Status status = CheckWanted(*model); !status.ok()) return End(status);
    std::shared_ptr<DocumentFlow> flow;
    {
      base::MutexLock lock(mutex_);
      if (ended_) return;
      Identify(model->name());
      chat_.ask.set_request_id(ticket_->request_id());
      flow = flow_ =
          DocumentFlow::Create(services_.flow, std::move(chat_.ask), call, shared_from_this());
    }
    flow->Start();
  }

  absl::Status CheckWanted(const v1::Model& model) GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    return CheckModel(chat_.model, model);
  }

  void Identify(const std::string& model) GLYPH_REQUIRES(mutex_) {
    ChatIdentity identity;
    identity.id = absl::StrCat("chatcmpl-", ticket_->request_id());
    identity.created = absl::ToUnixSeconds(services_.flow.now());
    identity.model = model;
    const v1::GenerationOptions& options = chat_.ask.generation();
    identity.num_choices = options.has_n() ? static_cast<int>(options.n()) : 1;
    identity.include_usage = chat_.include_usage;
    if (chat_.stream) {
      answer_.emplace<ChatStream>(std::move(identity));
    } else {
      answer_.emplace<ChatCompletion>(std::move(identity));
    }
  }

  void WriteStream(const ChatStream& stream, std::string events) GLYPH_REQUIRES(mutex_) {
    if (events.empty()) return;
    if (std::exchange(begun_, true)) return reply_->Write(std::move(events));
    HttpResponse head = SseHead();
    head.body = stream.Start() + events;
    reply_->Begin(std::move(head));
  }

  void EndWithError(const absl::Status& status) GLYPH_REQUIRES(mutex_) {
    if (!begun_) return reply_->Send(ErrorResponse(status));
    reply_->Write(SseData(ErrorObject(status)));
    reply_->Finish(true);
  }

  std::shared_ptr<DocumentFlow> flow() GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    return flow_;
  }

  const ApiServices& services_;
  const std::shared_ptr<HttpReply> reply_;
  base::Mutex mutex_;
  ChatRequest chat_ GLYPH_GUARDED_BY(mutex_);
  std::optional<RequestGate::Ticket> ticket_ GLYPH_GUARDED_BY(mutex_);
  std::shared_ptr<DocumentFlow> flow_ GLYPH_GUARDED_BY(mutex_);  // while it runs
  std::variant<std::monostate, ChatCompletion, ChatStream> answer_ GLYPH_GUARDED_BY(mutex_);
  std::string body_ GLYPH_GUARDED_BY(mutex_);  // the whole answer, when it does not stream
  bool begun_ GLYPH_GUARDED_BY(mutex_) = false;
  bool ended_ GLYPH_GUARDED_BY(mutex_) = false;
};

}  // namespace

HttpStarter ChatStarter(const ApiServices& services) {
  return [&services](const HttpRequest& request,
                     std::shared_ptr<HttpReply> reply) -> std::shared_ptr<HttpCall> {
    absl::StatusOr<ChatRequest> chat = ParseChatRequest(request.body);
    if (!chat.ok()) {
      services.flow.metrics.CountRequest(chat.status().code());
      reply->Send(ErrorResponse(chat.status()));
      return nullptr;
    }
    auto call = std::make_shared<ChatCall>(services, *std::move(chat), std::move(reply));
    call->Start(request);
    return call;
  };
}

}  // namespace glyph::gateway
