#include "gateway/cli/command_line.h"

#include <sysexits.h>

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "gateway/cli/api_key.h"
#include "gateway/cli/ask_command.h"
#include "gateway/cli/estimate_command.h"
#include "gateway/cli/exit_status.h"
#include "gateway/cli/key_command.h"
#include "gateway/cli/render_command.h"
#include "gateway/cli/status_command.h"

namespace glyph::gateway::cli {
namespace {

using v1::GenerationOptions;

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

void AddServer(CLI::App& command, std::string& server, std::string& api_key_file) {
  server = "127.0.0.1:8081";
  command.add_option("--server", server, "host:port of the gateway")->capture_default_str();
  command.add_option("--api-key-file", api_key_file,
                     "file that holds the key to send; default: the variable GLYPH_API_KEY");
}

void AddRender(CLI::App& command, v1::RenderOptions& render) {
  command.add_option("--profile", *render.mutable_profile(), "render profile");
  command.add_option_function<uint32_t>(
      "--dpi", [&](uint32_t dpi) { render.set_dpi(dpi); },
      "draw at 72, 96 or 120 dots an inch instead of as the profile says");
  command.add_option("--language", *render.mutable_language(),
                     "zh-Hans, zh-Hant, ja or ko: forms of Chinese characters");
  command.add_flag_function(
      "--lenient", [&](int64_t) { render.set_lenient_utf8(true); },
      "replace bytes that are not UTF-8 instead of refusing them");
}

template <typename T>
void AddNumber(CLI::App& ask, GenerationOptions& generation, void (GenerationOptions::*set)(T),
               const char* name, const char* help) {
  ask.add_option_function<T>(
      name, [&generation, set](const T& value) { (generation.*set)(value); }, help);
}

void AddGeneration(CLI::App& ask, GenerationOptions& generation) {
  using G = GenerationOptions;
  AddNumber(ask, generation, &G::set_max_tokens, "--max-tokens", "most tokens of the answer");
  AddNumber(ask, generation, &G::set_temperature, "--temperature",
            "0 to 2; 0 takes the likeliest token");
  AddNumber(ask, generation, &G::set_top_p, "--top-p", "nucleus, above 0 to 1");
  AddNumber(ask, generation, &G::set_top_k, "--top-k", "likeliest tokens kept; 0 keeps all");
  AddNumber(ask, generation, &G::set_repetition_penalty, "--repetition-penalty",
            "above 0 to 10; 1 is off");
  AddNumber(ask, generation, &G::set_seed, "--seed", "repeats a sampled answer");
  ask.add_option_function<std::vector<std::string>>(
         "--stop",
         [&](const std::vector<std::string>& stops) {
           for (const std::string& stop : stops) generation.add_stop(stop);
         },
         "the answer ends before this text; up to 4 times")
      ->allow_extra_args(false);
}

// The commands and what their options fill in.
struct CommandLine {
  AskOptions ask;
  std::vector<std::string> files, images;
  CLI::App* ask_app = nullptr;
  CLI::Option* file = nullptr;
  CLI::Option* image = nullptr;
  RenderCommandOptions render;
  CLI::App* render_app = nullptr;
  EstimateCommandOptions estimate;
  CLI::App* estimate_app = nullptr;
  std::string status_server;
  bool status_json = false;
  CLI::App* status_app = nullptr;
  std::string api_key_file;
  std::string key_name;
  CLI::App* key_app = nullptr;
};

void AddAsk(CLI::App& app, CommandLine& line) {
  AskOptions& ask = line.ask;
  line.ask_app = app.add_subcommand("ask", "ask a question about documents and images");
  line.file = line.ask_app->add_option("--file", line.files,
                                       "a UTF-8 text; - is stdin; may come several times");
  line.file->allow_extra_args(false);
  line.image = line.ask_app->add_option("--image", line.images,
                                        "a PNG, JPEG or WebP file; may come several times");
  line.image->allow_extra_args(false);
  line.ask_app->add_option("question", ask.question, "what to ask")->required();
  line.ask_app->add_flag("--allow-profile-mismatch", ask.allow_profile_mismatch,
                         "read pages of another profile than the model's all the same");
  line.ask_app->add_flag("--json", ask.json, "print every event as a line of JSON");
  line.ask_app->add_flag("--progress", ask.progress, "tell the progress on stderr");
  AddRender(*line.ask_app, ask.render);
  AddServer(*line.ask_app, ask.server, line.api_key_file);
  AddGeneration(*line.ask_app, ask.generation);
}

void AddEstimate(CLI::App& app, CommandLine& line) {
  line.estimate_app = app.add_subcommand(
      "estimate", "pages and tokens of a document, and how many fewer they are, without drawing");
  line.estimate_app->add_option("--file", line.estimate.file, "a UTF-8 text; - is stdin")
      ->required();
  line.estimate_app->add_flag("--json", line.estimate.json, "print one line of JSON");
  AddRender(*line.estimate_app, line.estimate.render);
  AddServer(*line.estimate_app, line.estimate.server, line.api_key_file);
}

void AddRenderAndStatus(CLI::App& app, CommandLine& line) {
  line.render_app = app.add_subcommand(
      "render", "draw a document as PNG pages, with a contact sheet and map.json");
  line.render_app->add_option("--file", line.render.file, "a UTF-8 text; - is stdin")->required();
  line.render_app->add_option("-o,--output", line.render.folder, "folder of the pages")->required();
  line.render_app->add_flag("--view", line.render.view, "outline every line on the pages");
  line.render_app->add_option("--find", line.render.find, "print where this text stands");
  AddRender(*line.render_app, line.render.render);
  AddServer(*line.render_app, line.render.server, line.api_key_file);
  line.status_app = app.add_subcommand("status", "services, model, load and memory");
  line.status_app->add_flag("--json", line.status_json, "print one line of JSON");
  AddServer(*line.status_app, line.status_server, line.api_key_file);
}

// What the gateway's key file takes as a name.
std::string CheckKeyName(const std::string& name) {
  const bool plain = name.find_first_not_of(
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "0123456789-_.") == std::string::npos;
  if (plain && !name.empty() && name.size() <= 64) return "";
  return "the name must be 1 to 64 letters, digits, '-', '_' and '.'";
}

void AddKey(CLI::App& app, CommandLine& line) {
  line.key_app = app.add_subcommand(
      "key", "make a key: its line for glyph-gateway --key-file on stdout, the key on stderr");
  line.key_app->add_option("name", line.key_name, "whose key it is")
      ->required()
      ->check(CheckKeyName);
}

int RunCommand(CommandLine& line) {
  if (line.key_app->parsed()) return RunKey(line.key_name);
  const absl::StatusOr<std::string> api_key = ReadApiKey(line.api_key_file);
  if (!api_key.ok()) return Report(api_key.status());
  line.render.api_key = line.estimate.api_key = line.ask.api_key = *api_key;
  if (line.render_app->parsed()) return RunRender(line.render);
  if (line.estimate_app->parsed()) return RunEstimate(line.estimate);
  if (line.status_app->parsed()) {
    return RunStatus(line.status_server, *api_key, line.status_json);
  }
  line.ask.inputs = InOrder(*line.ask_app, line.file, line.image);
  return RunAsk(line.ask);
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  CLI::App app("glyph: asks questions about long documents");
  app.set_version_flag("--version", std::string("glyph ") + GLYPH_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return std::string("glyph: ") + error.what() + "; see glyph --help\n";
  });
  CommandLine line;
  AddAsk(app, line);
  AddEstimate(app, line);
  AddRenderAndStatus(app, line);
  AddKey(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EX_OK : EX_USAGE;
  }
  return RunCommand(line);
}

}  // namespace glyph::gateway::cli
