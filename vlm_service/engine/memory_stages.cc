#include "vlm_service/engine/memory_stages.h"

#include <algorithm>
#include <string_view>

namespace glyph::vlm {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(1);
constexpr const char* kPeak = "peak_of_five";

std::vector<const char*> Reached(const EngineCounts& counts) {
  std::vector<const char*> stages;
  if (counts.scheduler.pages_encoded > 0) stages.push_back("first_page");
  if (counts.finished > 0) stages.push_back("finished");
  if (counts.finished >= 5) stages.push_back(kPeak);
  return stages;
}

auto Find(auto& stages, std::string_view stage) {
  return std::find_if(stages.begin(), stages.end(),
                      [&](const StageMemory& each) { return each.stage == stage; });
}

}  // namespace

bool MemoryStages::IsDue(const EngineCounts& counts, absl::Duration now) const {
  if (stages_.empty()) return false;
  if (now - measured_ >= kInterval) return true;
  const std::vector<const char*> reached = Reached(counts);
  return std::any_of(reached.begin(), reached.end(),
                     [this](const char* stage) { return Find(stages_, stage) == stages_.end(); });
}

void MemoryStages::Record(int64_t bytes, const EngineCounts& counts, absl::Duration now) {
  measured_ = now;
  peak_bytes_ = std::max(peak_bytes_, bytes);
  for (const char* stage : Reached(counts)) {
    if (Find(stages_, stage) == stages_.end()) stages_.push_back({stage, bytes});
  }
  if (const auto peak = Find(stages_, kPeak); peak != stages_.end()) peak->bytes = peak_bytes_;
}

}  // namespace glyph::vlm
