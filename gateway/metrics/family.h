#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "prometheus/metric_family.h"

namespace glyph::gateway {

using LabelValues = std::vector<std::pair<std::string, std::string>>;

// One series of a family that is built anew at each scrape.
struct Sample {
  LabelValues labels;
  uint64_t value = 0;
};

prometheus::MetricFamily GaugeFamily(const std::string& name, const std::string& help,
                                     const std::vector<Sample>& samples);
prometheus::MetricFamily CounterFamily(const std::string& name, const std::string& help,
                                       const std::vector<Sample>& samples);

}  // namespace glyph::gateway
