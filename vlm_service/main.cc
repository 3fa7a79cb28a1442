// glyph-vlm: serves glyph.v1.VlmService for one model. README.md of this folder is the map.
#include <sysexits.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "proto/base/logging.h"
#include "proto/rpc/server_runner.h"
#include "vlm_service/engine/self_test.h"
#include "vlm_service/flags.h"
#include "vlm_service/model_folder.h"
#include "vlm_service/server/vlm_service_impl.h"

namespace glyph::vlm {
namespace {

int Fail(int exit_code, const absl::Status& status) {
  std::fprintf(stderr, "glyph-vlm: %s\n", std::string(status.message()).c_str());
  return exit_code;
}

int Serve(const Flags& flags) {
  if (const absl::Status status =
          base::OpenLog(flags.log_file, {.max_file_bytes = flags.log_max_mib << 20});
      !status.ok()) {
    return Fail(EX_CANTCREAT, status);
  }
  absl::StatusOr<LoadedModel> model = LoadModelFolder(flags.model);
  if (!model.ok()) return Fail(EX_CONFIG, model.status());
  const absl::Status tested =
      RunSelfTest(*model->executor, *model->prompts, model->served.pages.token_px(), model->golden);
  if (!tested.ok()) return Fail(EX_CONFIG, tested);

  const Clock clock = [] {
    return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
  };
  EngineOptions options;
  options.max_waiting = flags.max_waiting;
  options.budget = flags.budget;
  options.budget.reuse_prefixes = flags.prefix_cache == "on";
  options.on_failure = [] { kill(getpid(), SIGTERM); };  // drains what is left, then exits with 1
  Engine engine(std::move(model->executor), std::move(model->tokens), clock, std::move(options));
  VlmServiceImpl service({engine, model->served, *model->prompts});
  auto server = rpc::ServerRunner::Start({.host = flags.host,
                                          .port = flags.port,
                                          .max_concurrent_streams = rpc::kMaxGatewayStreams,
                                          .service_name = "glyph.v1.VlmService",
                                          .linger = absl::Seconds(flags.linger_s),
                                          .drain = absl::Seconds(flags.drain_s)},
                                         {&service});
  if (!server.ok()) return Fail(EX_UNAVAILABLE, server.status());
  rpc::AnnouncePorts({{"vlm", (*server)->port()}});
  (*server)->SetServing(true);
  (*server)->RunUntilStopped([&service] { service.Drain(); });
  if (!engine.healthy()) _exit(1);  // a step that hangs would hold the executor's end
  return EX_OK;
}

}  // namespace
}  // namespace glyph::vlm

int main(int argc, char** argv) {
  glyph::rpc::BlockStopSignals();
  glyph::vlm::Flags flags;
  const std::optional<int> exit_code = glyph::vlm::ParseFlags(argc, argv, flags);
  return exit_code.has_value() ? *exit_code : glyph::vlm::Serve(flags);
}
