#include "proto/rpc/server_runner.h"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "nlohmann/json.hpp"
#include "proto/base/logging.h"
#include "proto/rpc/error.h"

namespace glyph::rpc {
namespace {

// After the drain: what answers that have ended may need to reach their clients.
constexpr absl::Duration kFlush = absl::Milliseconds(500);

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

void WaitForSignal() {
  const sigset_t signals = StopSignals();
  int signal = 0;
  sigwait(&signals, &signal);
  base::LogInfo("stopping", {{"signal", absl::StrCat(signal)}});
}

// Takes reflection away, which its library gives to every server of the process.
class NoReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins,
                  [](const auto& plugin) { return plugin->name() == "proto_server_reflection"; });
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<ServerRunner>> ServerRunner::Start(
    const ServerOptions& options, const std::vector<grpc::Service*>& services) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  std::unique_ptr<ServerRunner> runner(new ServerRunner(options));
  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrCat(options.host, ":", options.port),
                           grpc::InsecureServerCredentials(), &runner->port_);
  if (!options.reflection) builder.SetOption(std::make_unique<NoReflection>());
  for (grpc::Service* service : services) builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(kMaxReceivedMessageBytes);
  // gRPC unpacks a whole message before it looks at the size: 1 MB of gzip would take 1 GiB.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> counters;
  counters.push_back(runner->open_calls_.MakeCounter());
  builder.experimental().SetInterceptorCreators(std::move(counters));
  runner->server_ = builder.BuildAndStart();
  if (runner->server_ == nullptr || runner->port_ == 0) {
    return Unavailable("PORT_TAKEN", absl::Seconds(1),
                       absl::StrCat("cannot listen on ", options.host, ":", options.port,
                                    "; choose a free port, or 0 for any"));
  }
  runner->SetServing(false);
  return runner;
}

ServerRunner::ServerRunner(ServerOptions options) : options_(std::move(options)) {}

ServerRunner::~ServerRunner() { Stop(); }

void ServerRunner::SetServing(bool serving) {
  auto* health = server_->GetHealthCheckService();
  health->SetServingStatus(serving);
  if (!options_.service_name.empty()) health->SetServingStatus(options_.service_name, serving);
}

void ServerRunner::RunUntilStopped(const std::function<void()>& on_drain) {
  WaitForSignal();
  std::thread([] {
    WaitForSignal();
    _exit(1);
  }).detach();
  if (options_.linger > absl::ZeroDuration()) {
    SetServing(false);
    absl::SleepFor(options_.linger);
  }
  on_drain();  // first: without lingering, who sees NOT_SERVING is not admitted any more
  SetServing(false);
  open_calls_.WaitUntilNone(options_.drain);
  StopWithin(kFlush);
}

void ServerRunner::Stop() { StopWithin(options_.drain); }

void ServerRunner::StopWithin(absl::Duration limit) {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoNanoseconds(limit));
  server_->Wait();
}

void BlockStopSignals() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

void AnnouncePorts(const std::vector<std::pair<std::string, int>>& ports) {
  nlohmann::ordered_json line = {{"event", "listening"},
                                 {"ports", nlohmann::ordered_json::object()}};
  for (const auto& [name, port] : ports) line["ports"][name] = port;
  line["pid"] = getpid();
  line["version"] = GLYPH_VERSION;
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

}  // namespace glyph::rpc
