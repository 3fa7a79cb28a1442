#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "gateway/http/http_call.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

// The bytes of one HTTP/1.x answer between who makes them and who writes them to the socket. Sees
// no socket: `wake` asks the writer to take what is here. Thread-safe.
class ResponseQueue final : public HttpReply {
 public:
  struct Options {
    bool is_head = false;         // the head alone is sent
    bool is_http10 = false;       // no chunks: the end of the connection is that of the answer
    bool keep_alive = true;       // what the client asks for
    std::string request_id = {};  // x-request-id of the answer; empty: none
  };

  // Above this many bytes the client counts as slow.
  static constexpr size_t kCongestedBytes = 256 << 10;

  // `wake` runs on any thread with the queue's lock held: it must not call the queue.
  ResponseQueue(Options options, std::function<void()> wake);

  void Send(HttpResponse response) override GLYPH_EXCLUDES(mutex_);
  void Begin(HttpResponse response) override GLYPH_EXCLUDES(mutex_);
  void Write(std::string bytes) override GLYPH_EXCLUDES(mutex_);
  void Finish(bool complete) override GLYPH_EXCLUDES(mutex_);
  bool congested() const override GLYPH_EXCLUDES(mutex_);

  // Takes everything queued; empty when there is nothing.
  std::string Take() GLYPH_EXCLUDES(mutex_);
  // What was taken last is written. True when this ended a congestion.
  bool OnWritten() GLYPH_EXCLUDES(mutex_);
  // Nothing more comes.
  bool ended() const GLYPH_EXCLUDES(mutex_);
  // After the end: the connection serves another request.
  bool keep_alive() const GLYPH_EXCLUDES(mutex_);
  // The writer is gone: `wake` is not called again and everything is dropped.
  void Detach() GLYPH_EXCLUDES(mutex_);

 private:
  void AddHead(const HttpResponse& response, bool has_length) GLYPH_REQUIRES(mutex_);
  void AddBody(const std::string& bytes) GLYPH_REQUIRES(mutex_);

  const Options options_;
  mutable base::Mutex mutex_;
  std::function<void()> wake_ GLYPH_GUARDED_BY(mutex_);  // null once detached
  std::string pending_ GLYPH_GUARDED_BY(mutex_);
  size_t in_flight_bytes_ GLYPH_GUARDED_BY(mutex_) = 0;
  bool begun_ GLYPH_GUARDED_BY(mutex_) = false;
  bool ended_ GLYPH_GUARDED_BY(mutex_) = false;
  bool keep_alive_ GLYPH_GUARDED_BY(mutex_);
};

}  // namespace glyph::gateway
