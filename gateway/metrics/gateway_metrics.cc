#include "gateway/metrics/gateway_metrics.h"

#include "absl/strings/ascii.h"

namespace glyph::gateway {
namespace {

prometheus::Counter* MakeCounter(prometheus::Registry& registry, const char* name,
                                 const char* help) {
  return &prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Histogram* MakeHistogram(prometheus::Registry& registry, const char* name,
                                     const char* help,
                                     const prometheus::Histogram::BucketBoundaries& buckets) {
  return &prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
}

// Seconds: a page on a GPU answers in 0.1 s, a long document on a CPU in minutes.
const prometheus::Histogram::BucketBoundaries& FirstTokenBuckets() {
  static const auto& buckets = *new prometheus::Histogram::BucketBoundaries{
      0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12, 25, 50, 100, 300, 600};
  return buckets;
}

// Seconds: 1 ms is a fast GPU, 1 s a large model on a CPU.
const prometheus::Histogram::BucketBoundaries& InterTokenBuckets() {
  static const auto& buckets = *new prometheus::Histogram::BucketBoundaries{
      0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 10};
  return buckets;
}

}  // namespace

GatewayMetrics::GatewayMetrics(prometheus::Registry& registry)
    : retries_(prometheus::BuildCounter()
                   .Name("glyph_upstream_retries_total")
                   .Help("Calls to services made again after they went away.")
                   .Register(registry)),
      in_flight_(&prometheus::BuildGauge()
                      .Name("glyph_requests_in_flight")
                      .Help("Requests the gateway is serving.")
                      .Register(registry)
                      .Add({})),
      first_token_(MakeHistogram(registry, "glyph_time_to_first_token_seconds",
                                 "From the arrival of a request to its first token.",
                                 FirstTokenBuckets())),
      inter_token_(MakeHistogram(registry, "glyph_inter_token_latency_seconds",
                                 "Between consecutive tokens of one answer.", InterTokenBuckets())),
      pages_(MakeCounter(registry, "glyph_pages_total", "Pages read by the model.")),
      visual_tokens_(
          MakeCounter(registry, "glyph_visual_tokens_total", "Image tokens read by the model.")),
      characters_(MakeCounter(registry, "glyph_characters_total",
                              "Unicode scalar values of documents read by the model.")),
      output_tokens_(MakeCounter(registry, "glyph_output_tokens_total",
                                 "Tokens of answers, stop tokens included.")) {
  auto& family = prometheus::BuildCounter()
                     .Name("glyph_requests_total")
                     .Help("Requests that ended, by gRPC status code.")
                     .Register(registry);
  for (int code = 0; code < kNumCodes; ++code) {
    const std::string name = absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
    requests_[code] = &family.Add({{"outcome", absl::AsciiStrToLower(name)}});
  }
  for (const char* service : {"render_service", "vlm_service"}) {  // there from the start, as 0
    for (const char* kind : {"restart", "resume"}) {
      retries_.Add({{"service", service}, {"kind", kind}});
    }
  }
}

void GatewayMetrics::CountRequest(absl::StatusCode outcome) {
  const auto code = static_cast<size_t>(outcome);
  const auto unknown = static_cast<size_t>(absl::StatusCode::kUnknown);
  requests_[code < requests_.size() ? code : unknown]->Increment();
}

void GatewayMetrics::CountRetry(const std::string& service, bool resumed) {
  retries_.Add({{"service", service}, {"kind", resumed ? "resume" : "restart"}}).Increment();
}

void GatewayMetrics::SetRequestsInFlight(int64_t num_requests) {
  in_flight_->Set(static_cast<double>(num_requests));
}

void GatewayMetrics::ObserveFirstToken(absl::Duration latency) {
  first_token_->Observe(absl::ToDoubleSeconds(latency));
}

void GatewayMetrics::ObserveInterToken(absl::Duration gap, int64_t num_tokens) {
  for (int64_t i = 0; i < num_tokens; ++i) {
    inter_token_->Observe(absl::ToDoubleSeconds(gap) / static_cast<double>(num_tokens));
  }
}

void GatewayMetrics::AddPages(int64_t num_pages) {
  pages_->Increment(static_cast<double>(num_pages));
}
void GatewayMetrics::AddVisualTokens(int64_t num_tokens) {
  visual_tokens_->Increment(static_cast<double>(num_tokens));
}
void GatewayMetrics::AddCharacters(int64_t num_characters) {
  characters_->Increment(static_cast<double>(num_characters));
}
void GatewayMetrics::AddOutputTokens(int64_t num_tokens) {
  output_tokens_->Increment(static_cast<double>(num_tokens));
}

}  // namespace glyph::gateway
