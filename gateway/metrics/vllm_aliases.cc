#include "gateway/metrics/vllm_aliases.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "gateway/metrics/family.h"

namespace glyph::gateway {
namespace {

using Families = std::vector<prometheus::MetricFamily>;

double KvUsage(const v1::WatchStatsResponse& stats) {
  const uint32_t total = std::max(1u, stats.kv_blocks_total());
  return static_cast<double>(stats.kv_blocks_used()) / total;
}

Families Engine(const v1::WatchStatsResponse& stats, const LabelValues& labels) {
  const auto gauge = [&labels](const char* name, const char* help, auto value) {
    return GaugeFamily(name, help, {{labels, value}});
  };
  const auto counter = [&labels](const char* name, const char* help, uint64_t value) {
    return CounterFamily(name, help, {{labels, value}});
  };
  return {
      gauge("vllm:num_requests_running", "Sequences that decode or prefill.", stats.running()),
      gauge("vllm:num_requests_waiting", "Requests not yet admitted.", stats.waiting()),
      gauge("vllm:kv_cache_usage_perc", "Part of the KV cache that requests hold, 0 to 1.",
            KvUsage(stats)),
      counter("vllm:prompt_tokens_total", "Prompt tokens taken in.", stats.prompt_tokens_total()),
      counter("vllm:generation_tokens_total", "Output tokens produced.",
              stats.output_tokens_total()),
      counter("vllm:prefix_cache_queries_total", "Prompt tokens looked for in the KV cache.",
              stats.prompt_tokens_total()),
      counter("vllm:prefix_cache_hits_total", "Prompt tokens found in the KV cache.",
              stats.reused_tokens_total()),
      counter("vllm:num_preemptions_total", "Sequences that lost their KV blocks to others.",
              stats.preemptions_total()),
  };
}

// The name vLLM has for a histogram of the gateway; empty: none.
std::string AliasOf(const std::string& name) {
  if (name == "glyph_time_to_first_token_seconds") return "vllm:time_to_first_token_seconds";
  if (name == "glyph_inter_token_latency_seconds") return "vllm:inter_token_latency_seconds";
  return "";
}

Families Latencies(Families families, const LabelValues& labels) {
  Families aliases;
  for (prometheus::MetricFamily& family : families) {
    family.name = AliasOf(family.name);
    if (family.name.empty()) continue;
    for (prometheus::ClientMetric& metric : family.metric) {
      for (const auto& [label, value] : labels) metric.label.push_back({label, value});
    }
    aliases.push_back(std::move(family));
  }
  return aliases;
}

}  // namespace

Families VllmAliases::Collect() const {
  const auto stats = stats_.Get();
  if (!stats) return {};
  const LabelValues labels = {{"model_name", stats->model_name()}, {"engine", "0"}};
  Families families = Engine(*stats, labels);
  Families latencies = Latencies(gateway_series_.Collect(), labels);
  families.insert(families.end(), std::make_move_iterator(latencies.begin()),
                  std::make_move_iterator(latencies.end()));
  return families;
}

}  // namespace glyph::gateway
