#include "gateway/routing/upstream_watch.h"

#include <functional>
#include <optional>

#include "gateway/routing/watch_stream.h"
#include "glyph/v1/vlm.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace glyph::gateway {
namespace {

using Health = grpc::health::v1::Health;
using HealthResponse = grpc::health::v1::HealthCheckResponse;
using HealthStream = WatchStream<HealthResponse>;
using StatsStream = WatchStream<v1::WatchStatsResponse>;

constexpr absl::Duration kRetryAfter = absl::Milliseconds(500);

// One service's health, watched.
class HealthWatch {
 public:
  // `on_change` hears SERVING or not, also when the service goes away.
  HealthWatch(const std::shared_ptr<grpc::Channel>& channel, const char* service,
              const std::function<void(bool)>& on_change)
      : stub_(Health::NewStub(channel)), request_(RequestFor(service)) {
    stream_.emplace(
        [this](auto* context, auto* reactor) {
          stub_->async()->Watch(context, &request_, reactor);
        },
        HealthStream::Listener{[on_change](const HealthResponse& response) {
                                 on_change(response.status() == HealthResponse::SERVING);
                               },
                               [on_change] { on_change(false); }},
        kRetryAfter);
  }

 private:
  static grpc::health::v1::HealthCheckRequest RequestFor(const char* service) {
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    return request;
  }

  const std::unique_ptr<Health::Stub> stub_;
  const grpc::health::v1::HealthCheckRequest request_;
  std::optional<HealthStream> stream_;  // last: ends first
};

}  // namespace

struct UpstreamWatch::Streams {
  std::unique_ptr<v1::VlmService::Stub> vlm_stub;
  v1::WatchStatsRequest stats_request;
  std::optional<HealthWatch> render_health, vlm_health;
  std::optional<StatsStream> stats;
};

UpstreamWatch::UpstreamWatch(const std::shared_ptr<grpc::Channel>& render,
                             const std::shared_ptr<grpc::Channel>& vlm, Readiness& readiness,
                             VlmStats& stats, ModelCache& models)
    : streams_(std::make_unique<Streams>()) {
  Streams& streams = *streams_;
  streams.render_health.emplace(render, "glyph.v1.RenderService", [&readiness](bool ready) {
    readiness.Set(Upstream::kRender, ready);
  });
  streams.vlm_health.emplace(vlm, "glyph.v1.VlmService", [&readiness, &models](bool ready) {
    models.Invalidate();
    readiness.Set(Upstream::kVlm, ready);
  });
  streams.vlm_stub = v1::VlmService::NewStub(vlm);
  streams.stats.emplace(
      [&streams](auto* context, auto* reactor) {
        streams.vlm_stub->async()->WatchStats(context, &streams.stats_request, reactor);
      },
      StatsStream::Listener{[&stats](const v1::WatchStatsResponse& news) { stats.Set(news); },
                            [&stats] { stats.Clear(); }},
      kRetryAfter);
}

UpstreamWatch::~UpstreamWatch() = default;

}  // namespace glyph::gateway
