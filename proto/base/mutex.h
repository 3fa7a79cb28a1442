#pragma once
#include <chrono>
#include <condition_variable>
#include <mutex>

// Clang's thread-safety annotations over std::mutex. std::mutex rather than absl::Mutex, because
// ThreadSanitizer does not see into Debian's uninstrumented Abseil.
#if defined(__clang__)
#define GLYPH_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define GLYPH_THREAD_ANNOTATION(x)
#endif
#define GLYPH_GUARDED_BY(x) GLYPH_THREAD_ANNOTATION(guarded_by(x))
#define GLYPH_REQUIRES(...) GLYPH_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define GLYPH_EXCLUDES(...) GLYPH_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))

namespace glyph::base {

class GLYPH_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void Lock() GLYPH_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void Unlock() GLYPH_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class GLYPH_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) GLYPH_THREAD_ANNOTATION(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() GLYPH_THREAD_ANNOTATION(release_capability()) { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits may wake without cause: call them in a loop over the condition.
class CondVar {
 public:
  void Wait(Mutex& mutex) GLYPH_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // False when `timeout` passed without a notification.
  bool WaitFor(Mutex& mutex, std::chrono::nanoseconds timeout) GLYPH_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool notified = condition_.wait_for(lock, timeout) == std::cv_status::no_timeout;
    lock.release();
    return notified;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace glyph::base
