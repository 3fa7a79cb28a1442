// glyph-render: serves glyph.v1.RenderService. README.md of this folder is the map.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>

#include "proto/base/heap.h"
#include "proto/base/logging.h"
#include "proto/rpc/server_runner.h"
#include "render_service/layout/profile_catalog.h"
#include "render_service/pipeline/self_test.h"
#include "render_service/pipeline/worker_pool.h"
#include "render_service/server/render_service.h"

namespace glyph::render {
namespace {

// Exit codes of sysexits.h.
constexpr int kExitUsage = 64;
constexpr int kExitUnavailable = 69;
constexpr int kExitConfig = 78;

struct Flags {
  std::string host = "127.0.0.1";
  int port = 8082;
  int workers = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  int max_calls = 64;
  std::string font_dir = "/usr/share/fonts";
  std::string log_file;
  size_t log_max_mib = 64;
  std::string crash_record;
};

int Fail(const absl::Status& status, int exit_code) {
  std::fprintf(stderr, "glyph-render: %s\n", std::string(status.message()).c_str());
  return exit_code;
}

int Serve(const Flags& flags) {
  if (absl::Status status =
          base::OpenLog(flags.log_file, {.max_file_bytes = flags.log_max_mib << 20});
      !status.ok()) {
    return Fail(status, kExitConfig);
  }
  auto catalog = ProfileCatalog::Create(flags.font_dir);
  if (!catalog.ok()) return Fail(catalog.status(), kExitConfig);
  if (absl::Status status = SelfTest(**catalog); !status.ok()) return Fail(status, kExitConfig);
  auto quarantine = Quarantine::Open(flags.crash_record);
  if (!quarantine.ok()) return Fail(quarantine.status(), kExitConfig);
  WorkerPool pool(flags.workers, flags.max_calls);
  RenderServiceImpl service(**catalog, pool, **quarantine);
  auto server = rpc::ServerRunner::Start({.host = flags.host,
                                          .port = flags.port,
                                          .max_concurrent_streams = rpc::kMaxGatewayStreams,
                                          .service_name = "glyph.v1.RenderService"},
                                         {&service});
  if (!server.ok()) return Fail(server.status(), kExitUnavailable);
  rpc::AnnouncePorts({{"render", (*server)->port()}});
  (*server)->SetServing(true);
  (*server)->RunUntilStopped([&service] { service.Drain(); });
  return 0;
}

}  // namespace
}  // namespace glyph::render

int main(int argc, char** argv) {
  glyph::base::SetUpHeapForPages();
  glyph::rpc::BlockStopSignals();
  glyph::render::Flags flags;
  CLI::App app("Draws documents as pages and decodes images: serves glyph.v1.RenderService.");
  app.add_option("--host", flags.host, "Address to listen on")->capture_default_str();
  app.add_option("--port", flags.port, "Port to listen on; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--workers", flags.workers, "Threads that lay out and draw")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--max-calls", flags.max_calls, "Calls at once; more are RESOURCE_EXHAUSTED")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--font-dir", flags.font_dir,
                 "Folder that the profiles' font files are in or below")
      ->capture_default_str();
  app.add_option("--log-file", flags.log_file, "Append the log to this file instead of stderr");
  app.add_option("--log-max-mib", flags.log_max_mib,
                 "Size at which the log file is begun anew; four old ones are kept")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--crash-record", flags.crash_record,
                 "Note the documents in work in this file, so that those which took the renderer "
                 "down twice are refused by the next one");
  app.set_version_flag("--version", "glyph-render " GLYPH_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : glyph::render::kExitUsage;
  }
  return glyph::render::Serve(flags);
}
