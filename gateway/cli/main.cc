// glyph: asks a gateway from the command line.
#include <sysexits.h>

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "gateway/cli/ask_command.h"
#include "gateway/cli/interrupt.h"
#include "gateway/cli/render_command.h"
#include "gateway/cli/status_command.h"

namespace {

using glyph::gateway::cli::AskOptions;
using glyph::gateway::cli::RenderCommandOptions;

// CLI11 keeps the values of each option apart; the command line says in which order they came.
std::vector<AskOptions::Input> InOrder(const CLI::App& ask, const CLI::Option* file,
                                       const CLI::Option* image) {
  std::vector<AskOptions::Input> inputs;
  size_t next_file = 0, next_image = 0;
  for (const CLI::Option* option : ask.parse_order()) {
    if (option == file) inputs.push_back({false, file->results()[next_file++]});
    if (option == image) inputs.push_back({true, image->results()[next_image++]});
  }
  return inputs;
}

void AddServer(CLI::App& command, std::string& server) {
  server = "127.0.0.1:8081";
  command.add_option("--server", server, "host:port of the gateway")->capture_default_str();
}

void AddRender(CLI::App& command, glyph::v1::RenderOptions& render) {
  command.add_option("--profile", *render.mutable_profile(), "render profile");
  command.add_flag_function(
      "--lenient", [&](int64_t) { render.set_lenient_utf8(true); },
      "replace bytes that are not UTF-8 instead of refusing them");
}

void AddGeneration(CLI::App& ask, glyph::v1::GenerationOptions& generation) {
  const auto add = [&ask]<typename T>(const char* name, const char* help, auto set) {
    ask.add_option_function<T>(name, set, help);
  };
  add.operator()<uint32_t>("--max-tokens", "most tokens of the answer",
                           [&](const uint32_t& v) { generation.set_max_tokens(v); });
  add.operator()<float>("--temperature", "0 to 2; 0 takes the likeliest token",
                        [&](const float& v) { generation.set_temperature(v); });
  add.operator()<float>("--top-p", "nucleus, above 0 to 1",
                        [&](const float& v) { generation.set_top_p(v); });
  add.operator()<uint32_t>("--top-k", "likeliest tokens kept; 0 keeps all",
                           [&](const uint32_t& v) { generation.set_top_k(v); });
  add.operator()<float>("--repetition-penalty", "above 0 to 10; 1 is off",
                        [&](const float& v) { generation.set_repetition_penalty(v); });
  add.operator()<uint64_t>("--seed", "repeats a sampled answer",
                           [&](const uint64_t& v) { generation.set_seed(v); });
  ask.add_option_function<std::vector<std::string>>(
         "--stop",
         [&](const std::vector<std::string>& stops) {
           for (const std::string& stop : stops) generation.add_stop(stop);
         },
         "the answer ends before this text; up to 4 times")
      ->allow_extra_args(false);
}

}  // namespace

int main(int argc, char** argv) {
  glyph::gateway::cli::BlockInterrupts();
  CLI::App app("glyph: asks questions about long documents");
  app.set_version_flag("--version", std::string("glyph ") + GLYPH_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return std::string("glyph: ") + error.what() + "; see glyph --help\n";
  });

  AskOptions ask;
  CLI::App* ask_app = app.add_subcommand("ask", "ask a question about documents and images");
  std::vector<std::string> files, images;
  const CLI::Option* file =
      ask_app->add_option("--file", files, "a UTF-8 text; - is stdin; may come several times")
          ->allow_extra_args(false);
  const CLI::Option* image =
      ask_app->add_option("--image", images, "a PNG, JPEG or WebP file; may come several times")
          ->allow_extra_args(false);
  ask_app->add_option("question", ask.question, "what to ask")->required();
  ask_app->add_flag("--allow-profile-mismatch", ask.allow_profile_mismatch,
                    "read pages of another profile than the model's all the same");
  AddRender(*ask_app, ask.render);
  ask_app->add_flag("--json", ask.json, "print every event as a line of JSON");
  ask_app->add_flag("--progress", ask.progress, "tell the progress on stderr");
  AddServer(*ask_app, ask.server);
  AddGeneration(*ask_app, ask.generation);

  RenderCommandOptions render;
  CLI::App* render_app = app.add_subcommand("render", "draw a document as PNG pages");
  render_app->add_option("--file", render.file, "a UTF-8 text; - is stdin")->required();
  render_app->add_option("-o,--output", render.folder, "folder of the pages")->required();
  AddRender(*render_app, render.render);
  AddServer(*render_app, render.server);

  std::string status_server;
  bool status_json = false;
  CLI::App* status_app = app.add_subcommand("status", "services, model, load and memory");
  status_app->add_flag("--json", status_json, "print one line of JSON");
  AddServer(*status_app, status_server);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EX_OK : EX_USAGE;
  }
  if (render_app->parsed()) return glyph::gateway::cli::RunRender(render);
  if (status_app->parsed()) return glyph::gateway::cli::RunStatus(status_server, status_json);
  ask.inputs = InOrder(*ask_app, file, image);
  return glyph::gateway::cli::RunAsk(ask);
}
