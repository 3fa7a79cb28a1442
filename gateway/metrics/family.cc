#include "gateway/metrics/family.h"

namespace glyph::gateway {
namespace {

prometheus::MetricFamily MakeFamily(const std::string& name, const std::string& help,
                                    prometheus::MetricType type,
                                    const std::vector<Sample>& samples) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  for (const Sample& sample : samples) {
    prometheus::ClientMetric metric;
    for (const auto& [label, value] : sample.labels) metric.label.push_back({label, value});
    metric.gauge.value = sample.value;
    metric.counter.value = sample.value;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

}  // namespace

prometheus::MetricFamily GaugeFamily(const std::string& name, const std::string& help,
                                     const std::vector<Sample>& samples) {
  return MakeFamily(name, help, prometheus::MetricType::Gauge, samples);
}

prometheus::MetricFamily CounterFamily(const std::string& name, const std::string& help,
                                       const std::vector<Sample>& samples) {
  return MakeFamily(name, help, prometheus::MetricType::Counter, samples);
}

}  // namespace glyph::gateway
