#include "gateway/metrics/vlm_collector.h"

#include "gateway/metrics/family.h"

namespace glyph::gateway {

std::vector<prometheus::MetricFamily> VlmCollector::Collect() const {
  const auto stats = stats_.Get();
  if (!stats) return {};
  const uint32_t held = stats->kv_blocks_used() + stats->kv_blocks_cached();
  const uint32_t total = stats->kv_blocks_total();
  return {
      GaugeFamily(
          "glyph_vlm_requests", "Requests inside vlm_service.",
          {{{{"state", "waiting"}}, stats->waiting()}, {{{"state", "running"}}, stats->running()}}),
      GaugeFamily("glyph_kv_blocks", "Blocks of the KV cache by use.",
                  {{{{"state", "used"}}, stats->kv_blocks_used()},
                   {{{"state", "cached"}}, stats->kv_blocks_cached()},
                   {{{"state", "free"}}, held < total ? total - held : 0}}),
      GaugeFamily("glyph_kv_blocks_capacity", "Blocks of the KV cache.", {{{}, total}}),
      GaugeFamily("glyph_kv_block_tokens", "Tokens one KV block holds.",
                  {{{}, stats->block_tokens()}}),
      CounterFamily("glyph_vlm_steps_total", "Engine steps executed.",
                    {{{}, stats->steps_total()}}),
      CounterFamily("glyph_vlm_prompt_tokens_total", "Prompt tokens prefilled.",
                    {{{}, stats->prompt_tokens_total()}}),
      CounterFamily("glyph_vlm_output_tokens_total", "Output tokens produced.",
                    {{{}, stats->output_tokens_total()}}),
      CounterFamily("glyph_vlm_pages_encoded_total", "Pages that went through the vision encoder.",
                    {{{}, stats->pages_encoded_total()}}),
      CounterFamily("glyph_vlm_requests_total", "Requests that left vlm_service.",
                    {{{{"outcome", "finished"}}, stats->finished_total()},
                     {{{"outcome", "cancelled"}}, stats->cancelled_total()},
                     {{{"outcome", "failed"}}, stats->failed_total()}}),
  };
}

}  // namespace glyph::gateway
