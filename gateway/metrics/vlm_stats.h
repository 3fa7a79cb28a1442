#pragma once
#include <optional>

#include "glyph/v1/vlm.pb.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

// The last statistics vlm_service sent; empty while it is not connected. Thread-safe.
class VlmStats {
 public:
  void Set(v1::WatchStatsResponse stats) GLYPH_EXCLUDES(mutex_);
  void Clear() GLYPH_EXCLUDES(mutex_);
  std::optional<v1::WatchStatsResponse> Get() const GLYPH_EXCLUDES(mutex_);

 private:
  mutable base::Mutex mutex_;
  std::optional<v1::WatchStatsResponse> stats_ GLYPH_GUARDED_BY(mutex_);
};

}  // namespace glyph::gateway
