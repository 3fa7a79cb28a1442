#include "tests/fakes/failing_allocator.h"

#include <atomic>
#include <limits>

#include "c10/core/Allocator.h"
#include "c10/core/CPUAllocator.h"

namespace glyph::vlm {
namespace {

constexpr uint8_t kPriority = 1;  // above torch's own
constexpr size_t kMoreThanThereIs = size_t{1} << 62;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

std::atomic<int64_t> left = kNever;
std::atomic<bool> held = false;

class Allocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    held.wait(true);
    const bool fails = left != kNever && --left == -1;
    return c10::GetDefaultCPUAllocator()->allocate(fails ? kMoreThanThereIs : bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override {
    return c10::GetDefaultCPUAllocator()->raw_deleter();
  }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
};

}  // namespace

FailingAllocator::FailingAllocator() {
  static Allocator allocator;
  left = kNever;
  c10::SetCPUAllocator(&allocator, kPriority);
}

FailingAllocator::~FailingAllocator() {
  c10::SetCPUAllocator(c10::GetDefaultCPUAllocator(), kPriority);
}

void FailingAllocator::FailAfter(int64_t count) { left = count; }

void FailingAllocator::Hold() { held = true; }

void FailingAllocator::Release() {
  held = false;
  held.notify_all();
}

bool FailingAllocator::HasFailed() { return left < 0; }

}  // namespace glyph::vlm
