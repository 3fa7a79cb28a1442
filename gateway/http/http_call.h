#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "gateway/http/http_message.h"

namespace glyph::gateway {

// Where the answer to one request goes: Send, or Begin, Write.. and Finish. Nothing blocks; what is
// said after the end, or to a client that is gone, is dropped. Thread-safe.
class HttpReply {
 public:
  virtual ~HttpReply() = default;
  // The whole answer.
  virtual void Send(HttpResponse response) = 0;
  // Head and first bytes of an answer whose length nobody knows yet.
  virtual void Begin(HttpResponse response) = 0;
  virtual void Write(std::string bytes) = 0;
  // The end of what Begin began. `complete` false: the connection breaks, so that the client
  // notices.
  virtual void Finish(bool complete) = 0;
  // true: the client is slow and much is queued; HttpCall::OnDrained tells when it is not any more.
  virtual bool congested() const = 0;
};

// A request that is being answered, as the server sees it: told what becomes of its client. The
// server calls it from one thread at a time, never after OnGone or the end of the reply.
class HttpCall {
 public:
  virtual ~HttpCall() = default;
  virtual void OnDrained() {}
  // Nothing was sent for a while (HttpServerOptions::idle_interval): time for a sign of life.
  virtual void OnIdle() {}
  // The client went away: whatever runs for it must end.
  virtual void OnGone() = 0;
};

// Begins the answer of one request; null when the reply is complete already. Thread-safe.
using HttpStarter =
    std::function<std::shared_ptr<HttpCall>(HttpRequest request, std::shared_ptr<HttpReply> reply)>;

// Looks at the head of a request whose body is still to come; an answer refuses it. Thread-safe.
using HeadCheck = std::function<std::optional<HttpResponse>(HttpRequest head)>;

// For handlers that answer at once.
inline HttpStarter AtOnce(HttpHandler handler) {
  return [handler = std::move(handler)](const HttpRequest& request,
                                        const std::shared_ptr<HttpReply>& reply) {
    reply->Send(handler(request));
    return nullptr;
  };
}

}  // namespace glyph::gateway
