#include "gateway/cli/bench_command.h"

#include <sysexits.h>

#include <chrono>
#include <cstdio>

#include "gateway/cli/ask_request.h"
#include "gateway/cli/bench_report.h"
#include "gateway/cli/connection.h"
#include "gateway/cli/exit_status.h"
#include "gateway/cli/json_output.h"

namespace glyph::gateway::cli {

int RunBench(const BenchOptions& options, Interrupts& interrupts) {
  const absl::StatusOr<v1::AskRequest> request = BuildAskRequest(options.ask);
  if (!request.ok()) return Report(request.status());
  const auto start = std::chrono::steady_clock::now();
  const auto calls = RunOpenLoop(*Connect(options.ask.server, options.ask.api_key), *request,
                                 options.load, interrupts);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const BenchReport report = Summarize(calls, took.count());
  if (options.ask.json) {
    PrintJsonLine(ToJson(report));
  } else {
    std::fputs(Describe(report).c_str(), stdout);
  }
  if (calls.size() < static_cast<size_t>(options.load.num_requests)) return kExitInterrupted;
  for (const CallTimes& call : calls) {
    if (!call.status.ok()) return Report(CallStatus(call.status, options.ask.server));
  }
  return EX_OK;
}

}  // namespace glyph::gateway::cli
