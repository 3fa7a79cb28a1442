#pragma once
#include <chrono>
#include <cstdint>

namespace glyph::vlm {

// What the driver says is in use on the current GPU now, whoever uses it, bytes; 0 when it has no
// answer any more.
int64_t DriverUsedBytes();

// The same for those who ask often: the driver takes its time to answer. Not thread-safe.
class DriverGauge {
 public:
  // At most a second old.
  int64_t Recent();

 private:
  int64_t used_bytes_ = 0;
  std::chrono::steady_clock::time_point next_ask_;
};

}  // namespace glyph::vlm
