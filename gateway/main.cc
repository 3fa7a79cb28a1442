// glyph-gateway: clients in front, render_service and vlm_service behind.
#include <sysexits.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "gateway/gateway.h"
#include "proto/base/logging.h"
#include "proto/rpc/server_runner.h"

namespace {

void AddSeconds(CLI::App& app, const char* name, absl::Duration& value, const char* help) {
  app.add_option_function<int64_t>(
         name, [&value](int64_t seconds) { value = absl::Seconds(seconds); }, help)
      ->check(CLI::Range(0, 3600))
      ->default_str(std::to_string(absl::ToInt64Seconds(value)));
}

void AddOptions(CLI::App& app, glyph::gateway::GatewayOptions& options) {
  app.add_option("--render", options.render_address, "host:port of render_service")
      ->capture_default_str();
  app.add_option("--vlm", options.vlm_address, "host:port of vlm_service")->capture_default_str();
  app.add_option("--host", options.host, "IP address to listen on")->capture_default_str();
  app.add_option("--http-port", options.http_port, "the HTTP API and health; 0: any free port")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--grpc-port", options.grpc_port, "glyph.v1.GlyphService; 0: any free port")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--metrics-port", options.metrics_port, "/metrics; 0: any free port")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--profile", options.default_profile,
                 "render profile for models that do not name theirs");
  app.add_option("--max-requests", options.max_requests, "requests served at once")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_flag("--vllm-metric-aliases", options.vllm_metric_aliases,
               "/metrics has vllm: names too, for dashboards made for vLLM");
  app.add_option(
      "--key-file", options.key_file,
      "who may ask: a line NAME SHA256 [LIMIT=N ...] for each key, as glyph key prints it; "
      "read again when it changes");
  AddSeconds(app, "--upstream-wait", options.upstream_wait,
             "seconds a request waits for a service that went away; 0: it fails at once");
  AddSeconds(app, "--restart-grace", options.restart_grace,
             "seconds the gateway stays ready while a service restarts");
  AddSeconds(app, "--drain-s", options.drain, "seconds open requests have to end after SIGTERM");
  app.add_flag(
      "--insecure", options.insecure,
      "listen on other than loopback addresses although nothing authenticates clients, or, with "
      "--key-file, those of /metrics");
}

int ExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return EX_USAGE;
    case absl::StatusCode::kNotFound:
      return EX_NOINPUT;
    case absl::StatusCode::kFailedPrecondition:
      return EX_CONFIG;
    default:
      return EX_UNAVAILABLE;
  }
}

}  // namespace

int main(int argc, char** argv) {
  glyph::rpc::BlockStopSignals();
  glyph::gateway::GatewayOptions options;
  std::string log_file;
  size_t log_max_mib = 64;
  std::vector<std::string> allowed_hosts;
  CLI::App app("glyph-gateway: the service clients use; it draws documents and asks the model");
  app.set_version_flag("--version", std::string("glyph-gateway ") + GLYPH_VERSION);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return std::string("glyph-gateway: ") + error.what() + "; see glyph-gateway --help\n";
  });
  AddOptions(app, options);
  app.add_option(
      "--allow-host", allowed_hosts,
      "name by which HTTP clients may call this server; IP addresses and localhost always "
      "work; may be repeated");
  app.add_option("--log-file", log_file, "append the log to this file instead of stderr");
  app.add_option("--log-max-mib", log_max_mib,
                 "size at which the log file is begun anew; four old ones are kept")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EX_OK : EX_USAGE;
  }
  if (const absl::Status status =
          glyph::base::OpenLog(log_file, {.max_file_bytes = log_max_mib << 20});
      !status.ok()) {
    std::fprintf(stderr, "glyph-gateway: %s\n", std::string(status.message()).c_str());
    return EX_CANTCREAT;
  }
  options.allowed_hosts = {allowed_hosts.begin(), allowed_hosts.end()};
  auto gateway = glyph::gateway::Gateway::Start(options);
  if (!gateway.ok()) {
    std::fprintf(stderr, "glyph-gateway: %s\n", std::string(gateway.status().message()).c_str());
    return ExitCode(gateway.status());
  }
  (*gateway)->RunUntilStopped();
  return EX_OK;
}
