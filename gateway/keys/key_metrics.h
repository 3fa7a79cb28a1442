#pragma once
#include <string>

#include "prometheus/counter.h"
#include "prometheus/registry.h"

namespace glyph::gateway {

// What keys are counted by (README.md has the series). Labels are bounded: names come from the
// key file. The registry outlives it. Thread-safe.
class KeyMetrics {
 public:
  explicit KeyMetrics(prometheus::Registry& registry);

  // A request was refused. `key`: its name, empty when it has none; `reason`: missing, unknown,
  // in_flight, requests or tokens.
  void CountRefusal(const std::string& key, const std::string& reason);
  // A changed key file was read: taken over, or refused because it is broken.
  void CountReload(bool taken);

 private:
  prometheus::Family<prometheus::Counter>& refusals_;
  prometheus::Counter& reloads_taken_;
  prometheus::Counter& reloads_refused_;
};

}  // namespace glyph::gateway
