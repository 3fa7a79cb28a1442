#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/server.h"
#include "proto/rpc/open_calls.h"

namespace glyph::rpc {

// Largest message a server accepts, bytes. What we send stays below kMaxSentMessageBytes.
inline constexpr int kMaxReceivedMessageBytes = 20 << 20;
inline constexpr int kMaxSentMessageBytes = 1 << 20;

// For services that gateways call: as many calls as one of them may serve at once (--max-requests).
inline constexpr int kMaxGatewayStreams = 10000;

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 0;                      // 0: any free port
  int max_concurrent_streams = 128;  // of one connection; further calls wait for one to end
  std::string service_name;          // health name besides "", e.g. "glyph.v1.RenderService"
  bool reflection = true;            // tells everybody which methods there are
  // After the first signal: NOT_SERVING, yet calls are taken, so that balancers can look away.
  absl::Duration linger = absl::ZeroDuration();
  absl::Duration drain = absl::Seconds(10);  // then in-flight calls get this long
};

// One gRPC server with health (grpc.health.v1), reflection (where wanted) and keepalive, that
// drains on SIGTERM or SIGINT. Health is NOT_SERVING until SetServing(true). Compressed messages
// are UNIMPLEMENTED. A client host that vanished is noticed after 15 s (keepalive 10 s + 5 s), its
// calls cancelled.
//   BlockStopSignals();  // first line of main, before any thread
//   GLYPH_ASSIGN_OR_RETURN(auto server, ServerRunner::Start(options, {&service}));
//   AnnouncePorts({{"grpc", server->port()}});
//   server->SetServing(true);
//   server->RunUntilStopped([&] { engine.Drain(); });
// Thread-safe.
class ServerRunner {
 public:
  // UNAVAILABLE when the port cannot be bound, naming it. `services` outlive the runner.
  static absl::StatusOr<std::unique_ptr<ServerRunner>> Start(
      const ServerOptions& options, const std::vector<grpc::Service*>& services);
  ~ServerRunner();
  ServerRunner(const ServerRunner&) = delete;
  ServerRunner& operator=(const ServerRunner&) = delete;

  void SetServing(bool serving);

  // Waits for SIGTERM or SIGINT, lingers if it shall, calls `on_drain`, from which on the services
  // refuse new calls, and turns health to NOT_SERVING if it did not linger. The port stays open, so
  // that clients hear that refusal, until no call runs or `drain` is over; what still runs then is
  // cancelled. A second signal ends the process at once with status 1.
  void RunUntilStopped(const std::function<void()>& on_drain);

  // Takes no call any more, lets running ones end for `drain`, then cancels the rest.
  void Stop();

  int port() const { return port_; }

 private:
  explicit ServerRunner(ServerOptions options);

  void StopWithin(absl::Duration limit);

  const ServerOptions options_;
  OpenCalls open_calls_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

// Blocks SIGTERM and SIGINT in the calling thread and its children, and ignores SIGPIPE, so that
// RunUntilStopped receives them.
void BlockStopSignals();

// Prints {"event":"listening","ports":{name:port,...},"pid":..,"version":..} as one line on stdout,
// flushed.
void AnnouncePorts(const std::vector<std::pair<std::string, int>>& ports);

}  // namespace glyph::rpc
