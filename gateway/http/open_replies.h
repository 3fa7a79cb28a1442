#pragma once
#include <algorithm>
#include <memory>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

// Counts the replies of a server that somebody still holds. Thread-safe.
class OpenReplies {
 public:
  // Adds one; whoever drops the last copy of the token takes it away.
  std::shared_ptr<void> Add() GLYPH_EXCLUDES(mutex_) {
    Count(1);
    return {this, [](OpenReplies* open) { open->Count(-1); }};
  }

  // Returns when there is none, or after `limit`.
  void WaitUntilNone(absl::Duration limit) GLYPH_EXCLUDES(mutex_) {
    const absl::Time deadline = absl::Now() + limit;
    base::MutexLock lock(mutex_);
    while (num_open_ > 0) {
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) return;
      none_.WaitFor(mutex_, absl::ToChronoNanoseconds(std::min(left, absl::Seconds(1))));
    }
  }

 private:
  void Count(int replies) GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    num_open_ += replies;
    if (num_open_ == 0) none_.NotifyAll();
  }

  base::Mutex mutex_;
  base::CondVar none_;
  int num_open_ GLYPH_GUARDED_BY(mutex_) = 0;
};

}  // namespace glyph::gateway
