#include "gateway/keys/key_metrics.h"

namespace glyph::gateway {
namespace {

prometheus::Counter& ReloadCounter(prometheus::Registry& registry, const char* outcome) {
  return prometheus::BuildCounter()
      .Name("glyph_key_file_reloads_total")
      .Help("Changed key files that were read.")
      .Register(registry)
      .Add({{"outcome", outcome}});
}

}  // namespace

KeyMetrics::KeyMetrics(prometheus::Registry& registry)
    : refusals_(prometheus::BuildCounter()
                    .Name("glyph_key_refusals_total")
                    .Help("Requests refused because of their key, by its name.")
                    .Register(registry)),
      reloads_taken_(ReloadCounter(registry, "taken")),
      reloads_refused_(ReloadCounter(registry, "refused")) {
  for (const char* reason : {"missing", "unknown"}) {
    refusals_.Add({{"key", ""}, {"reason", reason}});  // shown from the start
  }
}

void KeyMetrics::CountRefusal(const std::string& key, const std::string& reason) {
  refusals_.Add({{"key", key}, {"reason", reason}}).Increment();
}

void KeyMetrics::CountReload(bool taken) {
  (taken ? reloads_taken_ : reloads_refused_).Increment();
}

}  // namespace glyph::gateway
