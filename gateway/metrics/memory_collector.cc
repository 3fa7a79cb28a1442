#include "gateway/metrics/memory_collector.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "gateway/metrics/family.h"

namespace glyph::gateway {
namespace {

// The families, each with its samples so far.
struct MemorySamples {
  std::vector<Sample> host, host_peak, gpu, gpu_peak, gpu_stages, gpu_budget, largest_request;
};

LabelValues WithLabel(LabelValues labels, const std::string& name, const std::string& value) {
  labels.emplace_back(name, value);
  return labels;
}

void AddPeaks(const v1::MemoryUse& use, const LabelValues& labels, std::vector<Sample>& peak) {
  peak.push_back({WithLabel(labels, "window", "start"), use.peak_start_bytes()});
  peak.push_back({WithLabel(labels, "window", "1m"), use.peak_1m_bytes()});
  peak.push_back({WithLabel(labels, "window", "5m"), use.peak_5m_bytes()});
}

void AddUse(const v1::MemoryUse& use, const LabelValues& labels, std::vector<Sample>& current,
            std::vector<Sample>& peak) {
  current.push_back({WithLabel(labels, "kind", "reserved"), use.reserved_bytes()});
  current.push_back({WithLabel(labels, "kind", "used"), use.used_bytes()});
  AddPeaks(use, labels, peak);
}

void AddVlm(const v1::WatchStatsResponse& stats, MemorySamples& samples) {
  for (const v1::MemoryUse& use : stats.memory()) {
    absl::string_view gpu = use.device();
    if (absl::ConsumePrefix(&gpu, "gpu")) {
      AddUse(use, {{"gpu", std::string(gpu)}, {"component", use.component()}}, samples.gpu,
             samples.gpu_peak);
    } else {
      AddUse(use, {{"service", "vlm_service"}, {"component", use.component()}}, samples.host,
             samples.host_peak);
    }
  }
  for (const v1::StageMemory& reached : stats.memory_stages()) {
    samples.gpu_stages.push_back({{{"stage", reached.stage()}}, reached.bytes()});
  }
  if (stats.gpu_memory_budget_bytes() > 0) {
    samples.gpu_budget.push_back({LabelValues(), stats.gpu_memory_budget_bytes()});
  }
  AddPeaks(stats.largest_request(), {}, samples.largest_request);
}

void AddGateway(const ProcessMemory& memory, MemorySamples& samples) {
  const LabelValues labels = {{"service", "gateway"}, {"component", "process"}};
  samples.host.push_back({WithLabel(labels, "kind", "used"), memory.resident_bytes});
  samples.host_peak.push_back({WithLabel(labels, "window", "start"), memory.peak_bytes});
}

}  // namespace

std::vector<prometheus::MetricFamily> MemoryCollector::Collect() const {
  MemorySamples samples;
  if (const auto memory = read_process_()) AddGateway(*memory, samples);
  if (const auto stats = stats_.Get()) AddVlm(*stats, samples);
  std::vector<prometheus::MetricFamily> families;
  const auto add = [&families](const char* name, const char* help,
                               const std::vector<Sample>& family) {
    if (!family.empty()) families.push_back(GaugeFamily(name, help, family));
  };
  add("glyph_memory_bytes", "Host memory by service and component.", samples.host);
  add("glyph_memory_peak_bytes", "Largest host memory within the window.", samples.host_peak);
  add("glyph_gpu_memory_bytes", "Device memory by component.", samples.gpu);
  add("glyph_gpu_memory_peak_bytes", "Largest device memory within the window.", samples.gpu_peak);
  add("glyph_gpu_memory_stage_bytes", "Device memory of vlm_service when it reached the stage.",
      samples.gpu_stages);
  add("glyph_gpu_memory_budget_bytes", "Device memory vlm_service may hold.", samples.gpu_budget);
  add("glyph_largest_request_bytes",
      "Most KV cache and encoded pages that one request held within the window.",
      samples.largest_request);
  return families;
}

}  // namespace glyph::gateway
