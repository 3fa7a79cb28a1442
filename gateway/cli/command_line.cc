#include "gateway/cli/command_line.h"

#include <sysexits.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "gateway/cli/api_key.h"
#include "gateway/cli/ask_command.h"
#include "gateway/cli/bench_command.h"
#include "gateway/cli/chat_command.h"
#include "gateway/cli/completions.h"
#include "gateway/cli/doctor_command.h"
#include "gateway/cli/estimate_command.h"
#include "gateway/cli/exit_status.h"
#include "gateway/cli/key_command.h"
#include "gateway/cli/render_command.h"
#include "gateway/cli/status_command.h"
#include "proto/base/utf8.h"

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

std::string CheckServer(const std::string& server) {
  const size_t colon = server.rfind(':');
  uint32_t port = 0;
  const bool is_address = colon != std::string::npos && colon > 0 &&
                          absl::SimpleAtoi(server.substr(colon + 1), &port) && port >= 1 &&
                          port <= 65535;
  return is_address ? "" : "it must be host:port with a port of 1 to 65535";
}

// For what becomes a string of a message, which can hold nothing else.
std::string CheckUtf8Option(const std::string& value) {
  return base::ValidUtf8Prefix(value) == value.size() ? "" : "it must be UTF-8";
}

void AddServer(CLI::App& command, std::string& server, std::string& api_key_file) {
  server = "127.0.0.1:8081";
  command.add_option("--server", server, "host:port of the gateway")
      ->check(CheckServer)
      ->capture_default_str();
  command
      .add_option("--api-key-file", api_key_file,
                  "file that holds the key to send; default: the variable GLYPH_API_KEY")
      ->type_name("FILE");
}

void AddRender(CLI::App& command, v1::RenderOptions& render) {
  command.add_option("--profile", *render.mutable_profile(), "render profile")
      ->check(CheckUtf8Option);
  command.add_option_function<uint32_t>(
      "--dpi", [&](uint32_t dpi) { render.set_dpi(dpi); },
      "draw at 72, 96 or 120 dots an inch instead of as the profile says");
  command
      .add_option("--language", *render.mutable_language(),
                  "zh-Hans, zh-Hant, ja or ko: forms of Chinese characters")
      ->check(CheckUtf8Option);
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
      ->check(CheckUtf8Option)
      ->allow_extra_args(false);
}

// What ask, chat and bench have in common. CLI11 keeps files and images apart; InOrder joins them.
struct Question {
  AskOptions options;
  std::vector<std::string> files, images;
  CLI::App* app = nullptr;
  CLI::Option* file = nullptr;
  CLI::Option* image = nullptr;

  AskOptions& Complete() {
    options.inputs = InOrder(*app, file, image);
    return options;
  }
};

// The commands and what their options fill in.
struct CommandLine {
  Question ask, chat, bench;
  LoadOptions load;
  RenderCommandOptions render;
  CLI::App* render_app = nullptr;
  EstimateCommandOptions estimate;
  CLI::App* estimate_app = nullptr;
  std::string api_key_file;
  std::string status_server;
  bool status_json = false;
  CLI::App* status_app = nullptr;
  DoctorOptions doctor;
  CLI::App* doctor_app = nullptr;
  std::string key_name;
  CLI::App* key_app = nullptr;
  std::string shell;
  CLI::App* completions_app = nullptr;
};

CLI::Option* AddInput(CLI::App& command, std::string& path) {
  return command.add_option("--file", path, "a UTF-8 text; - is stdin")
      ->required()
      ->type_name("FILE");
}

void AddQuestion(CLI::App& app, const char* name, const char* help, Question& question,
                 std::string& api_key_file) {
  AskOptions& options = question.options;
  question.app = app.add_subcommand(name, help);
  question.file = question.app->add_option("--file", question.files,
                                           "a UTF-8 text; - is stdin; may come several times");
  question.file->allow_extra_args(false)->type_name("FILE");
  question.image = question.app->add_option("--image", question.images,
                                            "a PNG, JPEG or WebP file; may come several times");
  question.image->allow_extra_args(false)->type_name("FILE");
  question.app->add_flag("--allow-profile-mismatch", options.allow_profile_mismatch,
                         "read pages of another profile than the model's all the same");
  AddRender(*question.app, options.render);
  AddServer(*question.app, options.server, api_key_file);
  AddGeneration(*question.app, options.generation);
}

void AddQuestions(CLI::App& app, CommandLine& line) {
  AddQuestion(app, "ask", "ask a question about documents and images", line.ask, line.api_key_file);
  AddQuestion(app, "chat", "ask one question after another; lines of stdin", line.chat,
              line.api_key_file);
  AddQuestion(app, "bench", "ask the same at a fixed rate and measure", line.bench,
              line.api_key_file);
  for (Question* question : {&line.ask, &line.chat}) {
    AskOptions& options = question->options;
    question->app->add_flag("--json", options.json, "print every event as a line of JSON");
    question->app->add_flag("--progress", options.progress, "tell the progress on stderr");
  }
  for (Question* question : {&line.ask, &line.bench}) {
    question->app->add_option("question", question->options.question, "what to ask")->required();
  }
  CLI::App& bench = *line.bench.app;
  bench.add_flag("--json", line.bench.options.json, "print one line of JSON");
  bench.add_option("--rate", line.load.requests_per_second, "requests a second, 0.001 to 10000")
      ->check(CLI::Range(0.001, 10000.0))
      ->check([](const std::string& value) {
        return std::isnan(std::strtod(value.c_str(), nullptr)) ? "it must be a number" : "";
      })
      ->capture_default_str();
  bench.add_option("--requests", line.load.num_requests, "how many in all, 1 to 10000")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
}

void AddRenderAndEstimate(CLI::App& app, CommandLine& line) {
  line.render_app = app.add_subcommand(
      "render", "draw a document as PNG pages, with a contact sheet and map.json");
  AddInput(*line.render_app, line.render.file);
  line.render_app->add_option("-o,--output", line.render.folder, "folder of the pages")
      ->required()
      ->type_name("FOLDER");
  line.render_app->add_flag("--view", line.render.view, "outline every line on the pages");
  line.render_app->add_option("--find", line.render.find, "print where this text stands");
  line.render_app->add_flag("--json", line.render.json, "print one line of JSON");
  AddRender(*line.render_app, line.render.render);
  AddServer(*line.render_app, line.render.server, line.api_key_file);
  line.estimate_app = app.add_subcommand(
      "estimate", "pages and tokens of a document, and how many fewer they are, without drawing");
  AddInput(*line.estimate_app, line.estimate.file);
  line.estimate_app->add_flag("--json", line.estimate.json, "print one line of JSON");
  AddRender(*line.estimate_app, line.estimate.render);
  AddServer(*line.estimate_app, line.estimate.server, line.api_key_file);
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

void AddOthers(CLI::App& app, CommandLine& line) {
  line.status_app = app.add_subcommand("status", "services, model, load and memory");
  line.status_app->add_flag("--json", line.status_json, "print one line of JSON");
  AddServer(*line.status_app, line.status_server, line.api_key_file);
  line.doctor_app = app.add_subcommand("doctor", "look at what the services need of this machine");
  line.doctor_app->add_option("--model", line.doctor.model, "folder of the model")
      ->type_name("FOLDER")
      ->capture_default_str();
  line.doctor_app->add_option("--font-dir", line.doctor.font_dir, "folder of the fonts")
      ->type_name("FOLDER")
      ->capture_default_str();
  line.doctor_app->add_flag("--json", line.doctor.json, "print one line of JSON");
  AddServer(*line.doctor_app, line.doctor.server, line.api_key_file);
  line.completions_app = app.add_subcommand("completions", "print the script that completes glyph");
  line.completions_app->add_option("shell", line.shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("bash|zsh|fish");
}

CompletedOption Completed(const CLI::Option& option) {
  CompletedOption completed;
  for (const std::string& name : option.get_lnames()) completed.names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) completed.names.push_back("-" + name);
  completed.help = option.get_description();
  completed.has_value = option.get_items_expected_max() > 0;
  const std::string type = option.get_type_name();
  completed.is_path = type == "FILE" || type == "FOLDER";
  if (type.find('|') != std::string::npos) {
    completed.choices = CLI::detail::split(type.substr(0, type.find(':')), '|');
  }
  return completed;
}

std::vector<CompletedCommand> CompletedCommands(const CLI::App& app) {
  std::vector<CompletedCommand> commands;
  for (const CLI::App* command : app.get_subcommands({})) {
    CompletedCommand& completed = commands.emplace_back();
    completed.name = command->get_name();
    completed.help = command->get_description();
    for (const CLI::Option* option : command->get_options()) {
      completed.options.push_back(Completed(*option));
    }
  }
  return commands;
}

int Run(const CLI::App& app, CommandLine& line, Interrupts& interrupts) {
  if (line.key_app->parsed()) return RunKey(line.key_name);
  if (line.completions_app->parsed()) {
    std::fputs(CompletionScript(line.shell, CompletedCommands(app)).c_str(), stdout);
    return EX_OK;
  }
  const absl::StatusOr<std::string> api_key = ReadApiKey(line.api_key_file);
  if (!api_key.ok()) return Report(api_key.status());
  for (Question* question : {&line.ask, &line.chat, &line.bench}) {
    question->options.api_key = *api_key;
  }
  line.render.api_key = line.estimate.api_key = line.doctor.api_key = *api_key;
  if (line.ask.app->parsed()) return RunAsk(line.ask.Complete(), interrupts);
  if (line.chat.app->parsed()) return RunChat(line.chat.Complete(), interrupts);
  if (line.bench.app->parsed()) return RunBench({line.bench.Complete(), line.load}, interrupts);
  if (line.render_app->parsed()) return RunRender(line.render, interrupts);
  if (line.estimate_app->parsed()) return RunEstimate(line.estimate, interrupts);
  if (line.status_app->parsed()) return RunStatus(line.status_server, *api_key, line.status_json);
  return RunDoctor(line.doctor);
}

}  // namespace

int RunCommandLine(int argc, char** argv, Interrupts& interrupts) {
  CLI::App app("glyph: asks questions about long documents");
  app.set_version_flag("--version", std::string("glyph ") + GLYPH_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return std::string("glyph: ") + error.what() + "; see glyph --help\n";
  });
  CommandLine line;
  AddQuestions(app, line);
  AddRenderAndEstimate(app, line);
  AddKey(app, line);
  AddOthers(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EX_OK : EX_USAGE;
  }
  return Run(app, line, interrupts);
}

}  // namespace glyph::gateway::cli
