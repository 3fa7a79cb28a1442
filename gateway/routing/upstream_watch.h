#pragma once
#include <memory>

#include "gateway/metrics/vlm_stats.h"
#include "gateway/routing/model_cache.h"
#include "gateway/routing/readiness.h"
#include "grpcpp/channel.h"

namespace glyph::gateway {

// Watches the services in the background, reconnecting for ever: their health goes to `readiness`,
// vlm_service's statistics to `stats`; when vlm_service goes away the model is forgotten. All
// arguments outlive it.
class UpstreamWatch {
 public:
  UpstreamWatch(const std::shared_ptr<grpc::Channel>& render,
                const std::shared_ptr<grpc::Channel>& vlm, Readiness& readiness, VlmStats& stats,
                ModelCache& models);
  ~UpstreamWatch();  // waits for the last callback

 private:
  struct Streams;
  const std::unique_ptr<Streams> streams_;
};

}  // namespace glyph::gateway
