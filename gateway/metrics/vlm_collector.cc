#include "gateway/metrics/vlm_collector.h"

#include <algorithm>
#include <iterator>

#include "gateway/metrics/family.h"

namespace glyph::gateway {
namespace {

using Families = std::vector<prometheus::MetricFamily>;

// "used", "cached" and "free" of `total`.
std::vector<Sample> ByUse(uint64_t used, uint64_t cached, uint64_t total) {
  return {{{{"state", "used"}}, used},
          {{{"state", "cached"}}, cached},
          {{{"state", "free"}}, total - std::min(total, used + cached)}};
}

Families Load(const v1::WatchStatsResponse& stats) {
  return {
      GaugeFamily(
          "glyph_vlm_requests", "Requests inside vlm_service.",
          {{{{"state", "waiting"}}, stats.waiting()}, {{{"state", "running"}}, stats.running()}}),
      GaugeFamily("glyph_kv_blocks", "Blocks of the KV cache by use.",
                  ByUse(stats.kv_blocks_used(), stats.kv_blocks_cached(), stats.kv_blocks_total())),
      GaugeFamily("glyph_kv_blocks_capacity", "Blocks of the KV cache.",
                  {{{}, stats.kv_blocks_total()}}),
      GaugeFamily("glyph_kv_block_tokens", "Tokens one KV block holds.",
                  {{{}, stats.block_tokens()}}),
      GaugeFamily("glyph_vlm_vision_tokens",
                  "Image tokens of encoded pages by use; a page may have half of all.",
                  ByUse(stats.vision_tokens_used(), stats.vision_tokens_cached(),
                        stats.vision_tokens_total())),
  };
}

Families Counters(const v1::WatchStatsResponse& stats) {
  const auto counter = [](const char* name, const char* help, uint64_t value) {
    return CounterFamily(name, help, {{{}, value}});
  };
  return {
      counter("glyph_vlm_steps_total", "Engine steps executed.", stats.steps_total()),
      CounterFamily("glyph_vlm_step_seconds_total", "Time of engine steps by kind of work.",
                    {{{{"kind", "vision"}}, stats.vision_ms_total() / 1000},
                     {{{"kind", "prefill"}}, stats.prefill_ms_total() / 1000},
                     {{{"kind", "decode"}}, stats.decode_ms_total() / 1000}}),
      counter("glyph_vlm_prompt_tokens_total", "Prompt tokens taken in: prefilled or reused.",
              stats.prompt_tokens_total()),
      counter("glyph_vlm_prefilled_tokens_total", "Tokens prefilled, recomputed ones included.",
              stats.prefilled_tokens_total()),
      counter("glyph_vlm_prefix_reused_tokens_total", "Prompt tokens found in the KV cache.",
              stats.reused_tokens_total()),
      counter("glyph_vlm_output_tokens_total", "Output tokens produced.",
              stats.output_tokens_total()),
      counter("glyph_vlm_pages_encoded_total", "Pages that went through the vision encoder.",
              stats.pages_encoded_total()),
      counter("glyph_vlm_pages_reused_total", "Pages read without being encoded for their request.",
              stats.pages_reused_total()),
      counter("glyph_vlm_preemptions_total", "Sequences that lost their KV blocks to others.",
              stats.preemptions_total()),
      CounterFamily("glyph_vlm_requests_total", "Requests that left vlm_service.",
                    {{{{"outcome", "finished"}}, stats.finished_total()},
                     {{{"outcome", "cancelled"}}, stats.cancelled_total()},
                     {{{"outcome", "failed"}}, stats.failed_total()}}),
  };
}

}  // namespace

Families VlmCollector::Collect() const {
  const auto stats = stats_.Get();
  if (!stats) return {};
  Families families = Load(*stats);
  Families counters = Counters(*stats);
  families.insert(families.end(), std::make_move_iterator(counters.begin()),
                  std::make_move_iterator(counters.end()));
  return families;
}

}  // namespace glyph::gateway
