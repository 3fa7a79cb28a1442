#include "gateway/cli/ask_command.h"

#include <utility>

#include "gateway/cli/answer_call.h"
#include "gateway/cli/answer_printer.h"
#include "gateway/cli/ask_request.h"
#include "gateway/cli/connection.h"
#include "gateway/cli/exit_status.h"

namespace glyph::gateway::cli {

int RunAsk(const AskOptions& options, Interrupts& interrupts) {
  absl::StatusOr<v1::AskRequest> request = BuildAskRequest(options);
  if (!request.ok()) return Report(request.status());
  AnswerPrinter printer(options.json, options.progress);
  const grpc::Status status =
      StreamAnswer(*Connect(options.server, options.api_key), *std::move(request), interrupts,
                   [&printer](const v1::AskResponse& event) { printer.Print(event); });
  printer.EndLine();
  return Report(CallStatus(status, options.server));
}

}  // namespace glyph::gateway::cli
