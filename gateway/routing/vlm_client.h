#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/routing/stream_listener.h"
#include "gateway/routing/upstream_call.h"
#include "glyph/v1/vlm.pb.h"

namespace glyph::gateway {

// One running Generate call. Thread-safe. Destroying it cancels.
class GenerateCall {
 public:
  virtual ~GenerateCall() = default;
  // Queues one message. `on_written` (may be null) runs once the stream can take the next; never
  // when the call ended before.
  virtual void Write(v1::GenerateRequest request, std::function<void()> on_written) = 0;
  // No more messages: the prompt is complete.
  virtual void WritesDone() = 0;
  // Asks for the next event; one at a time.
  virtual void Read() = 0;
  // Ends the call; does nothing when it has ended.
  virtual void Cancel() = 0;
};

// vlm_service as the gateway sees it. Thread-safe.
class VlmClient {
 public:
  using ModelCallback = std::function<void(absl::StatusOr<v1::Model>)>;
  using CountCallback = std::function<void(absl::StatusOr<uint64_t>)>;
  virtual ~VlmClient() = default;
  virtual std::unique_ptr<GenerateCall> Generate(const UpstreamCall& call,
                                                 StreamListener<v1::GenerateResponse> listener) = 0;
  // `done` runs once, on any thread.
  virtual void GetModel(absl::Time deadline, ModelCallback done) = 0;
  // Tokens of a text of at most 512 KiB. `done` runs once, on any thread.
  virtual void CountTokens(std::string text, absl::Time deadline, CountCallback done) = 0;
};

}  // namespace glyph::gateway
