#pragma once
#include <functional>
#include <utility>

#include "gateway/routing/upstream.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

// Which services behind the gateway answer and are ready. Thread-safe.
class Readiness {
 public:
  void Set(Upstream upstream, bool ready) GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    (upstream == Upstream::kRender ? render_ : vlm_) = ready;
    if (on_change_) on_change_(render_ && vlm_);
  }

  bool ready(Upstream upstream) const GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    return upstream == Upstream::kRender ? render_ : vlm_;
  }

  // Hears at once and at every Set whether all are ready. Null: nobody. `on_change` must not call
  // back into this object.
  void Observe(std::function<void(bool all_ready)> on_change) GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    on_change_ = std::move(on_change);
    if (on_change_) on_change_(render_ && vlm_);
  }

 private:
  mutable base::Mutex mutex_;
  bool render_ GLYPH_GUARDED_BY(mutex_) = false;
  bool vlm_ GLYPH_GUARDED_BY(mutex_) = false;
  std::function<void(bool)> on_change_ GLYPH_GUARDED_BY(mutex_);
};

}  // namespace glyph::gateway
