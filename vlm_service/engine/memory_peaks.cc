#include "vlm_service/engine/memory_peaks.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace glyph::vlm {
namespace {

constexpr absl::Duration kBucket = absl::Seconds(5);

int64_t BucketNumber(absl::Duration time) { return absl::ToInt64Seconds(time) / 5; }

}  // namespace

void RollingPeak::Record(int64_t value, absl::Duration now) {
  const int64_t number = BucketNumber(now);
  Bucket& bucket = buckets_[static_cast<size_t>(number) % buckets_.size()];
  if (bucket.number != number) bucket = {number, value};
  bucket.peak = std::max(bucket.peak, value);
  peak_since_start_ = std::max(peak_since_start_, value);
}

int64_t RollingPeak::Peak(absl::Duration window, absl::Duration now) const {
  const int64_t last = BucketNumber(now);
  const int64_t first = last - window / kBucket;
  int64_t peak = 0;
  for (const Bucket& bucket : buckets_) {
    if (bucket.number >= first && bucket.number <= last) peak = std::max(peak, bucket.peak);
  }
  return peak;
}

void MemoryPeaks::Record(const std::string& device, const std::string& component,
                         int64_t reserved_bytes, int64_t used_bytes, absl::Duration now) {
  Entry& entry = entries_[{device, component}];
  entry.reserved_bytes = reserved_bytes;
  entry.peak.Record(entry.used_bytes, now);  // was in use until now
  entry.used_bytes = used_bytes;
  entry.peak.Record(used_bytes, now);
}

std::vector<MemoryGauge> MemoryPeaks::Snapshot(absl::Duration now) const {
  std::vector<MemoryGauge> gauges;
  for (const auto& [name, entry] : entries_) {
    gauges.push_back({name.first, name.second, entry.reserved_bytes, entry.used_bytes,
                      entry.peak.peak_since_start(),
                      std::max(entry.used_bytes, entry.peak.Peak(absl::Minutes(1), now)),
                      std::max(entry.used_bytes, entry.peak.Peak(absl::Minutes(5), now))});
  }
  return gauges;
}

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t total_pages = 0, resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

}  // namespace glyph::vlm
