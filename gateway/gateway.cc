#include "gateway/gateway.h"

#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/http/api_routes.h"
#include "gateway/http/http_server.h"
#include "gateway/http/metrics_handler.h"
#include "gateway/http/request_body.h"
#include "gateway/http/routes.h"
#include "gateway/keys/key_file_watch.h"
#include "gateway/keys/key_ring.h"
#include "gateway/metrics/build_info.h"
#include "gateway/metrics/memory_collector.h"
#include "gateway/metrics/service_collector.h"
#include "gateway/metrics/vllm_aliases.h"
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

bool IsLoopback(const std::string& host) { return absl::StartsWith(host, "127.") || host == "::1"; }

absl::Status CheckHost(const GatewayOptions& options) {
  if (IsLoopback(options.host) || !options.key_file.empty() || options.insecure) {
    return absl::OkStatus();
  }
  return rpc::InvalidArgument(
      "HOST_NOT_LOOPBACK", "host",
      absl::StrCat("--host ", options.host,
                   " is not a loopback address, and without --key-file everybody may ask; give "
                   "one, listen on 127.0.0.1 behind a proxy, or add --insecure"));
}

// Metrics ask nobody for a key: where keys guard the rest, they stay on this machine.
std::string MetricsHost(const GatewayOptions& options) {
  return IsLoopback(options.host) || options.insecure ? options.host : "127.0.0.1";
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
        key_metrics(registry),
        keys(std::chrono::steady_clock::now, key_metrics),
        vlm_collector(stats),
        memory_collector(stats, ReadProcessMemory),
        readiness(absl::Now, timer, options.restart_grace),
        service_collector([this] { return readiness.ready(Upstream::kRender); },
                          [this] { return readiness.ready(Upstream::kVlm); }),
        vllm_aliases(stats, registry),
        exposition(Sources(options)),
        render(render_channel),
        rpc_vlm(vlm_channel),
        recovery{readiness, timer, metrics, absl::Now, options.upstream_wait},
        vlm(rpc_vlm, recovery),
        models(vlm),
        profiles(models, options.default_profile),
        gate(options.max_requests, metrics),
        input_budget(kInputBudgetBytes),
        service(ServerServices{.flow = {render, vlm, profiles, metrics, absl::Now, recovery},
                               .keys = keys,
                               .gate = gate,
                               .models = models,
                               .readiness = readiness,
                               .stats = stats,
                               .input_budget = input_budget,
                               .render_address = options.render_address,
                               .vlm_address = options.vlm_address}),
        api({{render, vlm, profiles, metrics, absl::Now, recovery}, gate, models}),
        allowed_hosts(options.allowed_hosts),
        public_routes(ApiRoutes(api, readiness), {&allowed_hosts, &keys}),
        metrics_routes({{"GET", "/metrics", Access::kOpen, AtOnce(MetricsHandler(exposition))}}) {
    RegisterBuildInfo(registry);
  }
  ~Parts() {
    watch.reset();  // hears nothing more, so that readiness may lose its observer
    readiness.Observe(nullptr);
  }

  // Of /metrics.
  std::vector<const prometheus::Collectable*> Sources(const GatewayOptions& options) const {
    std::vector<const prometheus::Collectable*> sources = {&registry, &vlm_collector,
                                                           &memory_collector, &service_collector};
    if (options.vllm_metric_aliases) sources.push_back(&vllm_aliases);
    return sources;
  }

  const absl::Duration drain;
  const std::shared_ptr<grpc::Channel> render_channel, vlm_channel;
  prometheus::Registry registry;
  GatewayMetrics metrics;
  KeyMetrics key_metrics;
  KeyRing keys;
  VlmStats stats;
  VlmCollector vlm_collector;
  MemoryCollector memory_collector;
  Readiness readiness;
  ServiceCollector service_collector;
  VllmAliases vllm_aliases;
  Exposition exposition;
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
  std::unique_ptr<KeyFileWatch> key_file_watch;  // null without a key file
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
  if (!options.key_file.empty()) {
    GLYPH_ASSIGN_OR_RETURN(parts.key_file_watch,
                           KeyFileWatch::Start(options.key_file, parts.keys, parts.key_metrics));
  }
  HttpServerOptions http;
  const auto serve_http = [&http](int port, const Routes& routes) {
    http.port = port;
    return HttpServer::Start(
        http,
        [&routes](HttpRequest request, std::shared_ptr<HttpReply> reply) {
          return routes.Start(std::move(request), std::move(reply));
        },
        [&routes](HttpRequest head) { return routes.RefusalOf(std::move(head)); });
  };
  http.host = MetricsHost(options);
  GLYPH_ASSIGN_OR_RETURN(parts.metrics_http,
                         serve_http(options.metrics_port, parts.metrics_routes));
  http.host = options.host;
  http.max_body_bytes = kMaxRequestBodyBytes;
  GLYPH_ASSIGN_OR_RETURN(parts.public_http, serve_http(options.http_port, parts.public_routes));
  rpc::ServerOptions server;
  server.host = options.host;
  server.port = options.grpc_port;
  server.service_name = "glyph.v1.GlyphService";
  server.reflection = options.key_file.empty();  // it could not ask for one
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
