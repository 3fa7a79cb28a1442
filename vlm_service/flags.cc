#include "vlm_service/flags.h"

#include <sysexits.h>

#include "CLI/CLI.hpp"

namespace glyph::vlm {
namespace {

void AddModelFlags(CLI::App& app, ModelFlags& model) {
  app.add_option("--model", model.folder, "Model folder in the Hugging Face layout")->required();
  app.add_option("--device", model.device, "Where the model runs")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--dtype", model.dtype,
                 "Type of weights and KV cache; bfloat16 on a GPU if not given")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str();
  app.add_option(
         "--kv-tokens", model.kv_tokens,
         "Tokens the KV cache holds; 0: on a GPU what fits, else 65,536 or what 1 GiB holds")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 31))
      ->capture_default_str();
  app.add_option("--max-running", model.max_running, "Requests that run at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--max-chunk", model.max_chunk_tokens,
                 "Tokens of one prompt that a step prefills at most; 8192 on a GPU if not given")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->capture_default_str();
  app.add_option(
         "--max-page-tokens", model.max_page_tokens,
         "Image tokens of the largest page that is taken, one for each 28 x 28 px; on a GPU each "
         "holds 90 KB of a model of Glyph's size, 164 KB where two pages are encoded at once")
      ->check(CLI::Range(int64_t{4}, kLargestPageTokens))
      ->capture_default_str();
  app.add_option("--gpu-memory-budget", model.gpu_memory_budget,
                 "Bytes of GPU memory to hold at most, the driver's context included; 0: all free")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 42))
      ->capture_default_str();
  app.add_option("--threads", model.num_threads, "Threads of the model; 0: one for each core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
}

void AddFlags(CLI::App& app, Flags& flags) {
  app.set_version_flag("--version", "glyph-vlm " GLYPH_VERSION);
  AddModelFlags(app, flags.model);
  app.add_option("--max-waiting", flags.max_waiting, "Requests that wait; more are refused")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--prefix-cache", flags.prefix_cache, "Compute equal prefixes and pages once")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  app.add_option("--idle-step-ms", flags.budget.idle_ms,
                 "Milliseconds of a step while nothing decodes: how late a cancel may be heard")
      ->check(CLI::Range(1.0, 60000.0))
      ->capture_default_str();
  app.add_option("--host", flags.host, "Address to listen on")->capture_default_str();
  app.add_option("--port", flags.port, "Port to listen on; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--linger-s", flags.linger_s,
                 "Seconds it still serves after SIGTERM, NOT_SERVING, so that balancers look away")
      ->check(CLI::Range(0, 60))
      ->capture_default_str();
  app.add_option("--drain-s", flags.drain_s, "Seconds open requests have to end after SIGTERM")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  app.add_option("--log-file", flags.log_file, "Append the log to this file instead of stderr");
  app.add_option("--log-max-mib", flags.log_max_mib,
                 "Size at which the log file is begun anew; four old ones are kept")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
}

}  // namespace

std::optional<int> ParseFlags(int argc, char** argv, Flags& flags) {
  CLI::App app("Reads pages and answers, token by token: serves glyph.v1.VlmService.", "glyph-vlm");
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EX_OK : EX_USAGE;
  }
  ModelFlags& model = flags.model;
  if (model.device == "cuda" && app.count("--dtype") == 0) model.dtype = "bfloat16";
  if (model.device == "cuda" && app.count("--max-chunk") == 0) model.max_chunk_tokens = 8192;
  flags.budget.max_chunk_tokens = flags.model.max_chunk_tokens;
  return std::nullopt;
}

}  // namespace glyph::vlm
