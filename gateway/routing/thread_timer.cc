#include "gateway/routing/thread_timer.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

namespace glyph::gateway {
namespace {

// So that a clock that is set back delays no work for longer.
constexpr absl::Duration kLongestSleep = absl::Seconds(1);

}  // namespace

ThreadTimer::ThreadTimer() : thread_([this] { Run(); }) {}

ThreadTimer::~ThreadTimer() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void ThreadTimer::At(absl::Time when, std::function<void()> work) {
  base::MutexLock lock(mutex_);
  work_.emplace(when, std::move(work));
  changed_.NotifyAll();
}

void ThreadTimer::Run() {
  while (const std::function<void()> work = TakeDue()) work();
}

std::function<void()> ThreadTimer::TakeDue() {
  base::MutexLock lock(mutex_);
  while (!stopping_) {
    if (work_.empty()) {
      changed_.Wait(mutex_);
      continue;
    }
    const absl::Duration left = work_.begin()->first - absl::Now();
    if (left <= absl::ZeroDuration()) {
      std::function<void()> due = std::move(work_.begin()->second);
      work_.erase(work_.begin());
      return due;
    }
    changed_.WaitFor(mutex_, absl::ToChronoNanoseconds(std::min(left, kLongestSleep)));
  }
  return nullptr;
}

}  // namespace glyph::gateway
