#pragma once
#include <functional>
#include <map>
#include <thread>

#include "absl/time/time.h"
#include "gateway/routing/timer.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

// A timer by absl::Now, with one thread that sleeps until the next work is due.
class ThreadTimer final : public Timer {
 public:
  ThreadTimer();
  ~ThreadTimer() override;  // waits for the work that runs
  ThreadTimer(const ThreadTimer&) = delete;
  ThreadTimer& operator=(const ThreadTimer&) = delete;

  void At(absl::Time when, std::function<void()> work) override GLYPH_EXCLUDES(mutex_);

 private:
  void Run() GLYPH_EXCLUDES(mutex_);
  // Waits for work that is due and takes it; null when the timer goes.
  std::function<void()> TakeDue() GLYPH_EXCLUDES(mutex_);

  base::Mutex mutex_;
  base::CondVar changed_;
  std::multimap<absl::Time, std::function<void()>> work_ GLYPH_GUARDED_BY(mutex_);
  bool stopping_ GLYPH_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace glyph::gateway
