#pragma once
#include <functional>

#include "absl/time/time.h"

namespace glyph::gateway {

// Runs work later, without a thread that waits for it. Thread-safe.
class Timer {
 public:
  virtual ~Timer() = default;
  // Runs `work` once at `when` or soon after, on any thread, never from inside At. It must not
  // block. Work that is not due when the timer goes is dropped.
  virtual void At(absl::Time when, std::function<void()> work) = 0;
};

}  // namespace glyph::gateway
