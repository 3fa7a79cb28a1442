#include "gateway/cli/bench_report.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/rpc/error.h"

namespace glyph::gateway::cli {
namespace {

std::string ErrorName(const absl::Status& status) {
  const std::string code = absl::StatusCodeToString(status.code());
  const std::string reason = rpc::GetErrorDetails(status).reason;
  return reason.empty() ? code : absl::StrCat(code, " ", reason);
}

double PerSecond(double count, double seconds) { return seconds > 0 ? count / seconds : 0; }

void DescribeTimes(const char* name, const Percentiles& times, std::string& text) {
  absl::StrAppendFormat(&text, "%-12s %10.2f %10.2f %10.2f %10.2f\n", name, times.p50, times.p90,
                        times.p99, times.max);
}

nlohmann::ordered_json TimesToJson(const Percentiles& times) {
  return {{"count", times.count},
          {"p50", times.p50},
          {"p90", times.p90},
          {"p99", times.p99},
          {"max", times.max}};
}

}  // namespace

Percentiles PercentilesOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&values](double share) {
    const double rank = std::ceil(share * static_cast<double>(values.size()));
    return values[static_cast<size_t>(rank) - 1];
  };
  return {values.size(), at(0.5), at(0.9), at(0.99), values.back()};
}

BenchReport Summarize(const std::vector<CallTimes>& calls, double seconds) {
  BenchReport report;
  report.num_requests = static_cast<int>(calls.size());
  report.seconds = seconds;
  std::vector<double> first_token_ms, inter_token_ms, total_ms;
  for (const CallTimes& call : calls) {
    if (!call.status.ok()) {
      ++report.errors[ErrorName(call.status)];
      continue;
    }
    ++report.num_ok;
    report.output_tokens += call.output_tokens;
    total_ms.push_back(call.total_ms);
    if (call.first_token_ms > 0) first_token_ms.push_back(call.first_token_ms);
    inter_token_ms.insert(inter_token_ms.end(), call.inter_token_ms.begin(),
                          call.inter_token_ms.end());
  }
  report.first_token_ms = PercentilesOf(std::move(first_token_ms));
  report.inter_token_ms = PercentilesOf(std::move(inter_token_ms));
  report.total_ms = PercentilesOf(std::move(total_ms));
  return report;
}

std::string Describe(const BenchReport& report) {
  std::string text = absl::StrFormat(
      "%d requests in %.2f s: %d ok, %d failed, %.2f a second\n%d output tokens, %.1f a second\n"
      "%-12s %10s %10s %10s %10s\n",
      report.num_requests, report.seconds, report.num_ok, report.num_requests - report.num_ok,
      PerSecond(report.num_ok, report.seconds), report.output_tokens,
      PerSecond(static_cast<double>(report.output_tokens), report.seconds), "ms", "p50", "p90",
      "p99", "max");
  DescribeTimes("first token", report.first_token_ms, text);
  DescribeTimes("inter-token", report.inter_token_ms, text);
  DescribeTimes("total", report.total_ms, text);
  for (const auto& [error, count] : report.errors) {
    absl::StrAppendFormat(&text, "%d failed: %s\n", count, error);
  }
  return text;
}

nlohmann::ordered_json ToJson(const BenchReport& report) {
  return {{"requests", report.num_requests},
          {"ok", report.num_ok},
          {"seconds", report.seconds},
          {"output_tokens", report.output_tokens},
          {"first_token_ms", TimesToJson(report.first_token_ms)},
          {"inter_token_ms", TimesToJson(report.inter_token_ms)},
          {"total_ms", TimesToJson(report.total_ms)},
          {"errors", report.errors}};
}

}  // namespace glyph::gateway::cli
