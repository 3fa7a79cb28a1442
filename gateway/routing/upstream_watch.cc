#include "gateway/routing/upstream_watch.h"

#include <string>
#include <utility>

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

}  // namespace

struct UpstreamWatch::Streams {
  std::unique_ptr<Health::Stub> render_health_stub, vlm_health_stub;
  std::unique_ptr<v1::VlmService::Stub> vlm_stub;
  grpc::health::v1::HealthCheckRequest render_request, vlm_request;
  v1::WatchStatsRequest stats_request;
  std::unique_ptr<HealthStream> render_health, vlm_health;
  std::unique_ptr<StatsStream> stats;
};

UpstreamWatch::UpstreamWatch(const std::shared_ptr<grpc::Channel>& render,
                             const std::shared_ptr<grpc::Channel>& vlm, Readiness& readiness,
                             VlmStats& stats, ModelCache& models)
    : streams_(std::make_unique<Streams>()) {
  Streams& s = *streams_;
  s.render_health_stub = Health::NewStub(render);
  s.vlm_health_stub = Health::NewStub(vlm);
  s.vlm_stub = v1::VlmService::NewStub(vlm);
  s.render_request.set_service("glyph.v1.RenderService");
  s.vlm_request.set_service("glyph.v1.VlmService");
  s.render_health = std::make_unique<HealthStream>(
      [&s](auto* context, auto* reactor) {
        s.render_health_stub->async()->Watch(context, &s.render_request, reactor);
      },
      HealthStream::Listener{[&readiness](const HealthResponse& response) {
                               readiness.Set(Upstream::kRender,
                                             response.status() == HealthResponse::SERVING);
                             },
                             [&readiness] { readiness.Set(Upstream::kRender, false); }},
      kRetryAfter);
  s.vlm_health = std::make_unique<HealthStream>(
      [&s](auto* context, auto* reactor) {
        s.vlm_health_stub->async()->Watch(context, &s.vlm_request, reactor);
      },
      HealthStream::Listener{[&readiness, &models](const HealthResponse& response) {
                               models.Invalidate();
                               readiness.Set(Upstream::kVlm,
                                             response.status() == HealthResponse::SERVING);
                             },
                             [&readiness, &models] {
                               models.Invalidate();
                               readiness.Set(Upstream::kVlm, false);
                             }},
      kRetryAfter);
  s.stats = std::make_unique<StatsStream>(
      [&s](auto* context, auto* reactor) {
        s.vlm_stub->async()->WatchStats(context, &s.stats_request, reactor);
      },
      StatsStream::Listener{
          [&stats](const v1::WatchStatsResponse& response) { stats.Set(response); },
          [&stats] { stats.Clear(); }},
      kRetryAfter);
}

UpstreamWatch::~UpstreamWatch() = default;

}  // namespace glyph::gateway
