#pragma once
#include <string>
#include <utility>
#include <vector>

#include "prometheus/metric_family.h"

namespace glyph::gateway {

using LabelValues = std::vector<std::pair<std::string, std::string>>;

// One series of a family that is built anew at each scrape.
struct Sample {
  template <typename Number>
  Sample(LabelValues labels_of_it, Number number)
      : labels(std::move(labels_of_it)), value(static_cast<double>(number)) {}

  LabelValues labels;
  double value;
};

prometheus::MetricFamily GaugeFamily(const std::string& name, const std::string& help,
                                     const std::vector<Sample>& samples);
prometheus::MetricFamily CounterFamily(const std::string& name, const std::string& help,
                                       const std::vector<Sample>& samples);

}  // namespace glyph::gateway
