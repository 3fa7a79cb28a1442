#include "gateway/cli/chat_command.h"

#include <sysexits.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gateway/cli/answer_call.h"
#include "gateway/cli/answer_printer.h"
#include "gateway/cli/ask_request.h"
#include "gateway/cli/connection.h"
#include "gateway/cli/conversation.h"
#include "gateway/cli/exit_status.h"
#include "proto/rpc/error.h"

namespace glyph::gateway::cli {
namespace {

constexpr char kHelp[] =
    "/file PATH   attach a document to the next question\n"
    "/image PATH  attach an image to the next question\n"
    "/clear       forget what was said\n"
    "/bye         end; so do Ctrl-D and, while nothing is answered, Ctrl-C\n"
    "Ctrl-C during an answer stops it and forgets its question.\n";

class Chat {
 public:
  Chat(const AskOptions& options, Interrupts& interrupts)
      : options_(options),
        interrupts_(interrupts),
        stub_(Connect(options.server, options.api_key)) {}

  absl::Status Attach(const AskOptions::Input& input) {
    if (input.path == "-") {
      return rpc::InvalidArgument("STDIN_TAKEN", "",
                                  "chat reads questions from stdin; name a file");
    }
    GLYPH_ASSIGN_OR_RETURN(v1::AskPart part, ReadPart(input));
    conversation_.Attach(std::move(part));
    return absl::OkStatus();
  }

  // One line of the user. `ends`: it was /bye.
  absl::Status Take(const std::string& line, bool& ends) {
    absl::string_view path = line;
    if (line.empty()) return absl::OkStatus();
    if (line[0] != '/') return Ask(line);
    if (line == "/bye") {
      ends = true;
    } else if (line == "/clear") {
      conversation_.Clear();
    } else if (line == "/help") {
      std::fputs(kHelp, stderr);
    } else if (absl::ConsumePrefix(&path, "/file ")) {
      return Attach({.is_image = false, .path = std::string(path)});
    } else if (absl::ConsumePrefix(&path, "/image ")) {
      return Attach({.is_image = true, .path = std::string(path)});
    } else {
      return rpc::InvalidArgument("COMMAND_UNKNOWN", "",
                                  absl::StrCat("there is no command ", line, "; see /help"));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Ask(const std::string& question) {
    GLYPH_RETURN_IF_ERROR(CheckUtf8(question, "question"));
    conversation_.AddQuestion(question);
    v1::AskRequest request;
    conversation_.AppendTo(request);
    *request.mutable_generation() = options_.generation;
    *request.mutable_render() = options_.render;
    request.set_allow_profile_mismatch(options_.allow_profile_mismatch);
    AnswerPrinter printer(options_.json, options_.progress);
    std::string answer;
    const grpc::Status status =
        StreamAnswer(*stub_, std::move(request), interrupts_, [&](const v1::AskResponse& event) {
          answer += event.delta().text();
          printer.Print(event);
        });
    printer.EndLine();
    if (status.ok()) {
      conversation_.AddAnswer(answer);
    } else {
      conversation_.TakeBackQuestion();
    }
    return CallStatus(status, options_.server);
  }

  const AskOptions& options_;
  Interrupts& interrupts_;
  const std::unique_ptr<v1::GlyphService::Stub> stub_;
  Conversation conversation_;
};

}  // namespace

int RunChat(const AskOptions& options, Interrupts& interrupts) {
  Chat chat(options, interrupts);
  for (const AskOptions::Input& input : options.inputs) {
    if (absl::Status status = chat.Attach(input); !status.ok()) return Report(status);
  }
  const bool is_terminal = isatty(STDIN_FILENO) != 0;
  std::string line;
  for (bool ends = false; !ends;) {
    if (is_terminal) std::fputs("> ", stderr);
    if (!std::getline(std::cin, line)) break;
    const int exit_code = Report(chat.Take(line, ends));
    if (exit_code == EX_IOERR || (exit_code != EX_OK && !is_terminal)) return exit_code;
  }
  return EX_OK;
}

}  // namespace glyph::gateway::cli
