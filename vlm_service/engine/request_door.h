#pragma once
#include <cstdint>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "proto/base/mutex.h"

namespace glyph::vlm {

// Decides at once, on the caller's thread, who may join the queue: bounds it, keeps ids unique
// among open requests and closes for good. Thread-safe.
class RequestDoor {
 public:
  explicit RequestDoor(int32_t max_waiting) : max_waiting_(max_waiting) {}

  // Lets a request in as waiting. ALREADY_EXISTS REQUEST_ID_IN_USE; RESOURCE_EXHAUSTED QUEUE_FULL
  // with RetryInfo; once closed, the status of Close.
  absl::Status Enter(const std::string& id);

  // A request that entered was admitted: it waits no longer.
  void Admit(const std::string& id);

  // A request that entered ended. Its id may be used again.
  void Leave(const std::string& id);

  // Nobody enters any more; those inside go on. The first status stays.
  void Close(absl::Status why);

  // OK while open.
  absl::Status status() const;
  int32_t num_waiting() const;

 private:
  const int32_t max_waiting_;
  mutable base::Mutex mutex_;
  absl::Status closed_ GLYPH_GUARDED_BY(mutex_);
  std::set<std::string> waiting_ GLYPH_GUARDED_BY(mutex_);
  std::set<std::string> admitted_ GLYPH_GUARDED_BY(mutex_);
};

}  // namespace glyph::vlm
