#pragma once
#include <cstdint>

namespace glyph::vlm {

// While one lives, torch's memory on the host can run out, with torch's own error, or be long in
// coming.
class FailingAllocator {
 public:
  FailingAllocator();
  FailingAllocator(const FailingAllocator&) = delete;
  FailingAllocator& operator=(const FailingAllocator&) = delete;
  ~FailingAllocator();

  // After `count` more allocations, of any thread, the next one fails.
  static void FailAfter(int64_t count);

  // Allocations wait from now on, until Release.
  static void Hold();
  static void Release();

  // Whether the allocation that FailAfter asked for has failed.
  static bool HasFailed();
};

}  // namespace glyph::vlm
