#pragma once
#include <string>
#include <utility>

#include "gateway/http/http_call.h"

namespace glyph::gateway {

// Keeps what it is told. Not thread-safe.
class RecordingReply final : public HttpReply {
 public:
  void Send(HttpResponse sent) override {
    response = std::move(sent);
    ++num_sent;
  }
  void Begin(HttpResponse head) override {
    response = std::move(head);
    begun = true;
  }
  void Write(std::string bytes) override { response.body += bytes; }
  void Finish(bool complete) override { (complete ? finished : broken) = true; }
  bool congested() const override { return is_congested; }

  HttpResponse response;  // of a begun one: with everything written so far
  int num_sent = 0;
  bool begun = false, finished = false, broken = false;
  bool is_congested = false;
};

}  // namespace glyph::gateway
