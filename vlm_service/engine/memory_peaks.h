#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace glyph::vlm {

// Memory of one component with its largest use, bytes.
struct MemoryGauge {
  std::string device;
  std::string component;
  int64_t reserved_bytes = 0;
  int64_t used_bytes = 0;
  int64_t peak_start_bytes = 0;  // since the start
  int64_t peak_1m_bytes = 0;     // of the last minute
  int64_t peak_5m_bytes = 0;     // of the last five minutes
};

// Largest value over sliding windows, to within a bucket of 5 seconds: a window may reach back up
// to one bucket further, never less.
class RollingPeak {
 public:
  // `now` does not go back.
  void Record(int64_t value, absl::Duration now);
  // Largest value recorded since `now` - `window` (at most five minutes); 0 when there is none.
  int64_t Peak(absl::Duration window, absl::Duration now) const;
  int64_t peak_since_start() const { return peak_since_start_; }

 private:
  struct Bucket {
    int64_t number = -1;  // of 5 seconds, since time 0
    int64_t peak = 0;
  };
  std::array<Bucket, 61> buckets_;
  int64_t peak_since_start_ = 0;
};

// Current and largest use of every component. Reading resets nothing, so that any number of readers
// see every peak. Not thread-safe.
class MemoryPeaks {
 public:
  void Record(const std::string& device, const std::string& component, int64_t reserved_bytes,
              int64_t used_bytes, absl::Duration now);
  // In order of device and component.
  std::vector<MemoryGauge> Snapshot(absl::Duration now) const;

 private:
  struct Entry {
    int64_t reserved_bytes = 0;
    int64_t used_bytes = 0;
    RollingPeak peak;
  };
  std::map<std::pair<std::string, std::string>, Entry> entries_;
};

// Resident memory of this process, bytes; 0 where /proc is missing.
int64_t ResidentBytes();

}  // namespace glyph::vlm
