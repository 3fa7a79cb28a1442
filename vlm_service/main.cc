// glyph-vlm: serves glyph.v1.VlmService for one model. README.md of this folder is the map.
#include <sysexits.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "proto/base/logging.h"
#include "proto/rpc/server_runner.h"
#include "vlm_service/engine/self_test.h"
#include "vlm_service/model_folder.h"
#include "vlm_service/server/vlm_service_impl.h"

namespace glyph::vlm {
namespace {

struct Flags {
  ModelFlags model;
  std::string host = "127.0.0.1";
  int port = 8083;
  int32_t max_waiting = 128;
  std::string prefix_cache = "on";
  StepBudget budget;
  std::string log_file;
};

int Fail(int exit_code, const absl::Status& status) {
  std::fprintf(stderr, "glyph-vlm: %s\n", std::string(status.message()).c_str());
  return exit_code;
}

int Serve(const Flags& flags) {
  if (const absl::Status status = base::OpenLog(flags.log_file); !status.ok()) {
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
  auto server = rpc::ServerRunner::Start(
      {.host = flags.host, .port = flags.port, .service_name = "glyph.v1.VlmService"}, {&service});
  if (!server.ok()) return Fail(EX_UNAVAILABLE, server.status());
  rpc::AnnouncePorts({{"vlm", (*server)->port()}});
  (*server)->SetServing(true);
  (*server)->RunUntilStopped([&service] { service.Drain(); });
  return engine.healthy() ? EX_OK : 1;
}

void AddFlags(CLI::App& app, Flags& flags) {
  ModelFlags& model = flags.model;
  app.set_version_flag("--version", "glyph-vlm " GLYPH_VERSION);
  app.add_option("--model", model.folder, "Model folder in the Hugging Face layout")->required();
  app.add_option("--device", model.device, "Where the model runs")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--dtype", model.dtype, "Type of weights and KV cache")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str();
  app.add_option("--kv-tokens", model.kv_tokens,
                 "Tokens the KV cache holds; 0: 65,536, or what 1 GiB holds if that is less")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 31))
      ->capture_default_str();
  app.add_option("--max-running", model.max_running, "Requests that run at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--max-waiting", flags.max_waiting, "Requests that wait; more are refused")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--prefix-cache", flags.prefix_cache, "Compute equal prefixes and pages once")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  app.add_option("--max-chunk", flags.budget.max_chunk_tokens,
                 "Tokens of one prompt that a step prefills at most")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->capture_default_str();
  app.add_option("--idle-step-ms", flags.budget.idle_ms,
                 "Milliseconds of a step while nothing decodes: how late a cancel may be heard")
      ->check(CLI::Range(1.0, 60000.0))
      ->capture_default_str();
  app.add_option("--threads", model.num_threads, "Threads of the model; 0: one for each core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--host", flags.host, "Address to listen on")->capture_default_str();
  app.add_option("--port", flags.port, "Port to listen on; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--log-file", flags.log_file, "Append the log to this file instead of stderr");
}

}  // namespace
}  // namespace glyph::vlm

int main(int argc, char** argv) {
  glyph::rpc::BlockStopSignals();
  glyph::vlm::Flags flags;
  CLI::App app("Reads pages and answers, token by token: serves glyph.v1.VlmService.", "glyph-vlm");
  glyph::vlm::AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EX_OK : EX_USAGE;
  }
  return glyph::vlm::Serve(flags);
}
