#include "gateway/cli/estimate_command.h"

#include <string>

#include "absl/strings/str_format.h"
#include "gateway/cli/connection.h"
#include "gateway/cli/exit_status.h"
#include "gateway/cli/input.h"
#include "gateway/cli/interrupts.h"
#include "gateway/cli/json_output.h"
#include "proto/rpc/error.h"

namespace glyph::gateway::cli {
namespace {

void Describe(const v1::EstimateResponse& estimate) {
  const char* at_most = estimate.exact() ? "" : "at most ";
  absl::PrintF("pages          %s%d\n", at_most, estimate.pages());
  absl::PrintF("visual tokens  %s%d\n", at_most, estimate.visual_tokens());
  absl::PrintF("text tokens    %d, %d characters\n", estimate.text_tokens(), estimate.characters());
  absl::PrintF("compression    %.2f text tokens a visual token\n", estimate.compression_ratio());
}

absl::Status Estimate(const EstimateCommandOptions& options, Interrupts& interrupts) {
  v1::EstimateRequest request;
  GLYPH_ASSIGN_OR_RETURN(*request.mutable_document()->mutable_text(),
                         ReadInput(options.file, kMaxInputBytes));
  *request.mutable_render() = options.render;
  const auto stub = Connect(options.server, options.api_key);
  grpc::ClientContext context;
  const Interrupts::Watch watch = interrupts.Cancel([&context] { context.TryCancel(); });
  v1::EstimateResponse response;
  GLYPH_RETURN_IF_ERROR(CallStatus(stub->Estimate(&context, request, &response), options.server));
  if (options.json) {
    PrintJsonLine(response);
  } else {
    Describe(response);
  }
  return absl::OkStatus();
}

}  // namespace

int RunEstimate(const EstimateCommandOptions& options, Interrupts& interrupts) {
  return Report(Estimate(options, interrupts));
}

}  // namespace glyph::gateway::cli
