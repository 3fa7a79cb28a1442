#include "gateway/cli/doctor_command.h"

#include <sysexits.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "gateway/cli/checks.h"
#include "gateway/cli/connection.h"
#include "gateway/cli/json_output.h"
#include "gateway/cli/model_check.h"
#include "gateway/cli/terminal.h"
#include "proto/rpc/error.h"

namespace glyph::gateway::cli {
namespace {

using State = Finding::State;

constexpr absl::Duration kTimeout = absl::Seconds(2);

// `answers`: there is a gateway, ready or not.
Finding CheckGateway(const std::string& server, const std::string& api_key, bool& answers) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kTimeout));
  v1::GetStatusResponse status;
  const absl::Status answer = CallStatus(
      Connect(server, api_key)->GetStatus(&context, v1::GetStatusRequest(), &status), server);
  answers = rpc::GetErrorDetails(answer).reason != "NO_GATEWAY";
  if (!answer.ok()) return {"gateway", State::kWarn, std::string(answer.message())};
  for (const v1::ServiceStatus& service : status.services()) {
    if (service.ready()) continue;
    return {"gateway", State::kWarn,
            absl::StrCat(service.name(), " at ", service.address(), " is not ready; see its log")};
  }
  return {"gateway", State::kOk,
          absl::StrCat("version ", status.version(), " at ", server, ", model ",
                       status.model().name())};
}

const char* Word(State state) {
  return state == State::kOk ? "ok" : state == State::kWarn ? "warn" : "fail";
}

void Print(const Finding& finding, bool color) {
  static constexpr const char* kColors[] = {"\033[32m", "\033[33m", "\033[31m"};
  const char* begin = color ? kColors[static_cast<size_t>(finding.state)] : "";
  absl::PrintF("%s%-4s%s  %-8s %s\n", begin, Word(finding.state), color ? "\033[0m" : "",
               finding.name, finding.message);
}

void PrintJson(const std::vector<Finding>& findings) {
  auto checks = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    checks.push_back(
        {{"name", finding.name}, {"state", Word(finding.state)}, {"message", finding.message}});
  }
  PrintJsonLine(nlohmann::ordered_json{{"checks", std::move(checks)}});
}

}  // namespace

int RunDoctor(const DoctorOptions& options) {
  bool answers = false;
  const Finding gateway = CheckGateway(options.server, options.api_key, answers);
  const std::vector<Finding> findings = {
      CheckDriver("/proc"),      CheckMemory("/proc", WeightBytes(options.model)),
      CheckPorts(answers),       CheckFonts(options.font_dir),
      CheckModel(options.model), gateway,
  };
  if (options.json) PrintJson(findings);
  bool fails = false;
  for (const Finding& finding : findings) {
    if (!options.json) Print(finding, UsesColor(STDOUT_FILENO));
    fails |= finding.state == State::kFail;
  }
  return fails ? EX_CONFIG : EX_OK;
}

}  // namespace glyph::gateway::cli
