#pragma once
#include <memory>
#include <optional>

#include "gateway/server/answer_stream.h"
#include "gateway/server/server_services.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

// One Ask or AskStream call between its reactor and its flow: admission, start, and the one ending,
// which is counted. Owned by the reactor. Thread-safe.
class AskSession {
 public:
  AskSession(ServerServices& services, AnswerStream::Transport transport);

  // Takes a place in the gateway for the call of `caller`. Once.
  absl::Status Admit(const std::string& request_id, Caller caller) GLYPH_EXCLUDES(mutex_);
  // Answers `request`, which is valid; after Admit. `client_deadline` may be InfiniteFuture.
  void Run(v1::AskRequest request, absl::Time client_deadline) GLYPH_EXCLUDES(mutex_);
  // Ends a call whose flow does not run.
  void Fail(const absl::Status& status) { stream_->End(status); }
  // The client went away.
  void Cancel() GLYPH_EXCLUDES(mutex_);
  // The reactor's write ended.
  void OnWritten(bool ok) GLYPH_EXCLUDES(mutex_);

 private:
  std::shared_ptr<DocumentFlow> flow() GLYPH_EXCLUDES(mutex_);
  void Close(const absl::Status& status) GLYPH_EXCLUDES(mutex_);

  ServerServices& services_;
  base::Mutex mutex_;
  std::optional<RequestGate::Ticket> ticket_ GLYPH_GUARDED_BY(mutex_);
  std::shared_ptr<DocumentFlow> flow_ GLYPH_GUARDED_BY(mutex_);  // once running
  bool cancelled_ GLYPH_GUARDED_BY(mutex_) = false;
  const std::shared_ptr<AnswerStream> stream_;
};

}  // namespace glyph::gateway
