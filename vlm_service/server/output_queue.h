#pragma once
#include <cstddef>
#include <deque>

#include "glyph/v1/vlm.pb.h"
#include "vlm_service/engine/event_sink.h"

namespace glyph::vlm {

// Responses a stream could not take yet. Tokens that wait next to each other become one message.
// Not thread-safe.
class OutputQueue {
 public:
  // Without `with_logprobs` those of the event mean nothing.
  void PushToken(const TokenEvent& event, bool with_logprobs);
  void Push(v1::GenerateResponse response);

  // The next response. There is one.
  v1::GenerateResponse Pop();
  void Clear();

  bool empty() const { return responses_.empty(); }
  // About what the waiting tokens take in memory.
  size_t token_bytes() const { return token_bytes_; }

 private:
  std::deque<v1::GenerateResponse> responses_;
  size_t token_bytes_ = 0;
};

}  // namespace glyph::vlm
