#pragma once
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "gateway/routing/stream_listener.h"
#include "gateway/routing/upstream_call.h"
#include "glyph/v1/render.pb.h"

namespace glyph::gateway {

// One running Render call. Thread-safe. Destroying it cancels.
class RenderCall {
 public:
  virtual ~RenderCall() = default;
  // Asks for the next event; one at a time. Without it the renderer is slowed down.
  virtual void Read() = 0;
  // Ends the call; does nothing when it has ended.
  virtual void Cancel() = 0;
};

// render_service as the gateway sees it. Thread-safe.
class RenderClient {
 public:
  virtual ~RenderClient() = default;
  // Sends `start`, then `source` in chunks of at most 1 MiB as fast as the renderer takes them.
  virtual std::unique_ptr<RenderCall> Render(v1::RenderStart start,
                                             std::shared_ptr<const std::string> source,
                                             const UpstreamCall& call,
                                             StreamListener<v1::RenderResponse> listener) = 0;
};

}  // namespace glyph::gateway
