#pragma once
#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace glyph::gateway {

struct GatewayOptions {
  std::string render_address = "127.0.0.1:8082";
  std::string vlm_address = "127.0.0.1:8083";
  std::string host = "127.0.0.1";
  int http_port = 8080;  // of each port, 0: any free one
  int grpc_port = 8081;
  int metrics_port = 9464;
  std::string default_profile;  // for models that do not name theirs
  int max_requests = 64;
  bool vllm_metric_aliases = false;
  absl::Duration upstream_wait = absl::Seconds(30);   // for a service that went away (Recovery)
  absl::Duration restart_grace = absl::Seconds(300);  // ready while one restarts (Readiness)
  absl::Duration drain = absl::Seconds(10);           // for open requests after SIGTERM
  std::set<std::string> allowed_hosts;  // names, besides IP addresses, HTTP clients may call it by
  std::string key_file;                 // who may ask (keys/key_file.h); empty: everybody
  bool insecure = false;                // allow other than loopback addresses without keys
};

// The whole gateway: its servers, its watches and what they share. Starts and stays up while the
// services behind it are down; it is ready while both answer or restart.
class Gateway {
 public:
  // INVALID_ARGUMENT: an address that is malformed or not allowed. UNAVAILABLE: a port is taken.
  // NOT_FOUND, FAILED_PRECONDITION: the key file cannot be read or is wrong.
  static absl::StatusOr<std::unique_ptr<Gateway>> Start(const GatewayOptions& options);
  ~Gateway();

  // Prints the ports, serves, and drains on SIGTERM or SIGINT.
  void RunUntilStopped();

  int http_port() const;
  int grpc_port() const;
  int metrics_port() const;

 private:
  struct Parts;
  explicit Gateway(std::unique_ptr<Parts> parts);
  const std::unique_ptr<Parts> parts_;
};

}  // namespace glyph::gateway
