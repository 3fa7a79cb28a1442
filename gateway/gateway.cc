#include "gateway/gateway.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/http/api_routes.h"
#include "gateway/http/http_server.h"
#include "gateway/http/metrics_handler.h"
#include "gateway/http/request_body.h"
#include "gateway/http/routes.h"
#include "gateway/metrics/build_info.h"
#include "gateway/metrics/memory_collector.h"
#include "gateway/metrics/vlm_collector.h"
#include "gateway/routing/patient_vlm_client.h"
#include "gateway/routing/rpc_render_client.h"
#include "gateway/routing/rpc_vlm_client.h"
#include "gateway/routing/thread_timer.h"
#include "gateway/routing/upstream_channel.h"
#include "gateway/routing/upstream_watch.h"
#include "gateway/server/glyph_service.h"
#include "proto/rpc/error.h"
#include "proto/rpc/server_runner.h"

namespace glyph::gateway {
namespace {

// What all AskStream calls may hold together while they are uploaded.
constexpr size_t kInputBudgetBytes = size_t{1} << 30;

absl::Status CheckHost(const GatewayOptions& options) {
  const bool loopback = absl::StartsWith(options.host, "127.") || options.host == "::1";
  if (loopback || options.insecure) return absl::OkStatus();
  return rpc::InvalidArgument(
      "HOST_NOT_LOOPBACK", "host",
      absl::StrCat("--host ", options.host,
                   " is not a loopback address, and this version neither authenticates clients nor "
                   "encrypts; listen on 127.0.0.1 behind a proxy, or add --insecure"));
}

absl::Status CheckAddress(const char* flag, const std::string& address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon != std::string::npos && colon > 0 &&
      absl::SimpleAtoi(address.substr(colon + 1), &port) && port >= 1 && port <= 65535) {
    return absl::OkStatus();
  }
  return rpc::InvalidArgument("ADDRESS_INVALID", flag,
                              absl::StrCat("--", flag, " is ", address,
                                           "; it must be host:port with a port of 1 to 65535"));
}

}  // namespace

// In order of dependency: what stands later is destroyed first.
struct Gateway::Parts {
  explicit Parts(const GatewayOptions& options)
      : drain(options.drain),
        render_channel(MakeUpstreamChannel(options.render_address, StreamWindow::kGrowing)),
        vlm_channel(MakeUpstreamChannel(options.vlm_address, StreamWindow::kSmall)),
        metrics(registry),
        vlm_collector(stats),
        memory_collector(stats, ReadProcessMemory),
        exposition({&registry, &vlm_collector, &memory_collector}),
        readiness(absl::Now, timer, options.restart_grace),
        render(render_channel),
        rpc_vlm(vlm_channel),
        recovery{readiness, timer, metrics, absl::Now, options.upstream_wait},
        vlm(rpc_vlm, recovery),
        models(vlm),
        profiles(models, options.default_profile),
        gate(options.max_requests, metrics),
        input_budget(kInputBudgetBytes),
        service(ServerServices{.flow = {render, vlm, profiles, metrics, absl::Now, recovery},
                               .gate = gate,
                               .models = models,
                               .readiness = readiness,
                               .stats = stats,
                               .input_budget = input_budget,
                               .render_address = options.render_address,
                               .vlm_address = options.vlm_address}),
        api({{render, vlm, profiles, metrics, absl::Now, recovery}, gate, models}),
        allowed_hosts(options.allowed_hosts),
        public_routes(ApiRoutes(api, readiness), &allowed_hosts),
        metrics_routes({{"GET", "/metrics", AtOnce(MetricsHandler(exposition))}}) {
    RegisterBuildInfo(registry);
  }
  ~Parts() {
    watch.reset();  // hears nothing more, so that readiness may lose its observer
    readiness.Observe(nullptr);
  }

  const absl::Duration drain;
  const std::shared_ptr<grpc::Channel> render_channel, vlm_channel;
  prometheus::Registry registry;
  GatewayMetrics metrics;
  VlmStats stats;
  VlmCollector vlm_collector;
  MemoryCollector memory_collector;
  Exposition exposition;
  Readiness readiness;
  RpcRenderClient render;
  RpcVlmClient rpc_vlm;
  ThreadTimer timer;  // its work uses those above
  const Recovery recovery;
  PatientVlmClient vlm;
  ModelCache models;
  ProfileResolver profiles;
  RequestGate gate;
  ByteBudget input_budget;
  GlyphServiceImpl service;
  const ApiServices api;
  const std::set<std::string> allowed_hosts;
  Routes public_routes, metrics_routes;
  std::unique_ptr<HttpServer> public_http, metrics_http;
  std::unique_ptr<rpc::ServerRunner> grpc_server;
  std::unique_ptr<UpstreamWatch> watch;
};

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Start(const GatewayOptions& options) {
  GLYPH_RETURN_IF_ERROR(CheckHost(options));
  GLYPH_RETURN_IF_ERROR(CheckAddress("render", options.render_address));
  GLYPH_RETURN_IF_ERROR(CheckAddress("vlm", options.vlm_address));
  auto owned = std::make_unique<Parts>(options);
  Parts& parts = *owned;
  HttpServerOptions http;
  http.host = options.host;
  const auto serve_http = [&http](int port, const Routes& routes) {
    http.port = port;
    return HttpServer::Start(http,
                             [&routes](HttpRequest request, std::shared_ptr<HttpReply> reply) {
                               return routes.Start(std::move(request), std::move(reply));
                             });
  };
  GLYPH_ASSIGN_OR_RETURN(parts.metrics_http,
                         serve_http(options.metrics_port, parts.metrics_routes));
  http.max_body_bytes = kMaxRequestBodyBytes;
  GLYPH_ASSIGN_OR_RETURN(parts.public_http, serve_http(options.http_port, parts.public_routes));
  rpc::ServerOptions server;
  server.host = options.host;
  server.port = options.grpc_port;
  server.service_name = "glyph.v1.GlyphService";
  server.drain = options.drain;
  GLYPH_ASSIGN_OR_RETURN(parts.grpc_server, rpc::ServerRunner::Start(server, {&parts.service}));
  parts.readiness.Observe(
      [runner = parts.grpc_server.get()](bool serving) { runner->SetServing(serving); });
  parts.watch = std::make_unique<UpstreamWatch>(parts.render_channel, parts.vlm_channel,
                                                parts.readiness, parts.stats, parts.models);
  return std::unique_ptr<Gateway>(new Gateway(std::move(owned)));
}

Gateway::Gateway(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Gateway::~Gateway() = default;

void Gateway::RunUntilStopped() {
  rpc::AnnouncePorts({{"http", http_port()}, {"grpc", grpc_port()}, {"metrics", metrics_port()}});
  absl::Time drained_by;
  parts_->grpc_server->RunUntilStopped([this, &drained_by] {
    drained_by = absl::Now() + parts_->drain;
    parts_->readiness.Drain();
    parts_->gate.Close();
  });
  parts_->public_http->WaitUntilIdle(drained_by - absl::Now());
}

int Gateway::http_port() const { return parts_->public_http->port(); }
int Gateway::grpc_port() const { return parts_->grpc_server->port(); }
int Gateway::metrics_port() const { return parts_->metrics_http->port(); }

}  // namespace glyph::gateway
