#pragma once
#include <deque>
#include <functional>
#include <utility>

#include "proto/base/mutex.h"

namespace glyph::gateway {

// Runs work later on somebody's strand, unless it has become pointless by then.
using Poster = std::function<void(std::function<void()>)>;

// Runs closures one at a time, in the order of Post, on the threads that post. What runs on one
// strand needs no lock, and may post to it again without recursion. Thread-safe.
class Strand {
 public:
  // Runs `work` before it returns, unless another thread (or a caller further up the stack) is
  // running the strand: then that one runs it. `work` must not block.
  void Post(std::function<void()> work) GLYPH_EXCLUDES(mutex_) {
    {
      base::MutexLock lock(mutex_);
      queue_.push_back(std::move(work));
      if (running_) return;
      running_ = true;
    }
    while (RunNext()) {
    }
  }

 private:
  // False when the queue is empty; the strand then rests.
  bool RunNext() GLYPH_EXCLUDES(mutex_) {
    std::function<void()> work;
    {
      base::MutexLock lock(mutex_);
      if (queue_.empty()) {
        running_ = false;
        return false;
      }
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
    return true;
  }

  base::Mutex mutex_;
  std::deque<std::function<void()>> queue_ GLYPH_GUARDED_BY(mutex_);
  bool running_ GLYPH_GUARDED_BY(mutex_) = false;
};

}  // namespace glyph::gateway
