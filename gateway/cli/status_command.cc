#include "gateway/cli/status_command.h"

#include <sysexits.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "gateway/cli/connection.h"
#include "gateway/cli/exit_status.h"
#include "gateway/cli/json_output.h"

namespace glyph::gateway::cli {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(5);

double Mebibytes(uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

void DescribeModel(const v1::Model& model, std::string& text) {
  absl::StrAppendFormat(
      &text, "model           %s, %.1f million parameters, %s on %s, context %d tokens\n",
      model.name(), static_cast<double>(model.num_parameters()) / 1e6, model.dtype(),
      model.device(), model.context_tokens());
}

void DescribeLoad(const v1::WatchStatsResponse& stats, std::string& text) {
  absl::StrAppendFormat(&text,
                        "load            %d running, %d waiting, %d of %d KV blocks of %d tokens "
                        "used, %d cached\n",
                        stats.running(), stats.waiting(), stats.kv_blocks_used(),
                        stats.kv_blocks_total(), stats.block_tokens(), stats.kv_blocks_cached());
  for (const v1::MemoryUse& use : stats.memory()) {
    absl::StrAppendFormat(&text, "memory          %s %s: %.1f MiB used, peak %.1f MiB\n",
                          use.device(), use.component(), Mebibytes(use.used_bytes()),
                          Mebibytes(use.peak_start_bytes()));
  }
}

}  // namespace

std::string DescribeStatus(const v1::GetStatusResponse& status) {
  std::string text = absl::StrFormat("gateway         version %s, %d requests in flight\n",
                                     status.version(), status.requests_in_flight());
  for (const v1::ServiceStatus& service : status.services()) {
    absl::StrAppendFormat(&text, "%-15s %s at %s\n", service.name(),
                          service.ready() ? "ready" : "NOT READY", service.address());
  }
  if (status.has_model()) DescribeModel(status.model(), text);
  if (status.has_stats()) DescribeLoad(status.stats(), text);
  return text;
}

int RunStatus(const std::string& server, const std::string& api_key, bool json) {
  const auto stub = Connect(server, api_key);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kTimeout));
  v1::GetStatusResponse response;
  const grpc::Status status = stub->GetStatus(&context, v1::GetStatusRequest(), &response);
  if (!status.ok()) return Report(CallStatus(status, server));
  if (json) {
    PrintJsonLine(response);
  } else {
    std::fputs(DescribeStatus(response).c_str(), stdout);
  }
  for (const v1::ServiceStatus& service : response.services()) {
    if (!service.ready()) return EX_UNAVAILABLE;
  }
  return EX_OK;
}

}  // namespace glyph::gateway::cli
